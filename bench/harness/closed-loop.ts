/**
 * Load in slices of a fraction of a second that go round all targets: whatever else the machine does meanwhile, it does
 * to all of them alike. Closed loop: each connection asks again when it has its answer. Beside it there may be changes,
 * at a steady rate or in closed loops of their own. Runs as a process of its own; see `slices.ts`.
 */
import { type ChangeOrder, type ChangeSlice, startChanges } from './changes.ts'
import { createLatencies } from './latencies.ts'
import { processorNs } from './processor.ts'
import type { LatencyMs } from './statistics.ts'
import { type Connection, cacheStatusOf, openConnection } from './wire.ts'

export interface Target {
  readonly name: string
  /** Several instances of one service: connections go round them. */
  readonly ports: readonly number[]
  readonly pids: readonly number[]
  /** Whole requests as they go on the wire, used in turn. */
  readonly requests: readonly string[]
  /** `once`: no request is asked twice, and a slice ends when none is left. */
  readonly order: 'in-turn' | 'once'
  readonly expectedStatus: number
  readonly connections: number
  readonly changes: ChangeOrder | null
}

export interface SliceOrder {
  readonly targets: readonly Target[]
  readonly sliceMs: number
  /** A slice ends after so many requests, if that comes first. */
  readonly sliceRequests: number
  readonly warmUpRequests: number
  /** Enough, however few requests that were: the slowest peers answer dozens per second. */
  readonly warmUpMaxMs: number
  readonly slices: number
  /** Asked before each slice and not measured, so that nothing of the slice before it is left; within a second. */
  readonly settleRequests: number
}

export interface Slice {
  readonly requests: number
  readonly ms: number
  /** When it began, in milliseconds of the system's clock. */
  readonly atMs: number
  /** Processor time of the servers' main threads, in microseconds; null where the system does not tell. */
  readonly serverUs: number | null
  /** Answers with another status than expected; they are no part of `requests`. */
  readonly failures: number
  readonly changes: ChangeSlice | null
}

export interface TargetResult {
  readonly name: string
  readonly slices: readonly Slice[]
  readonly latencyMs: LatencyMs
  readonly statuses: Readonly<Record<string, number>>
  /** Answers by their `Cache-Status`. */
  readonly answeredAs: Readonly<Record<string, number>>
  /** From the moment at which each change was due. */
  readonly changeLatencyMs: LatencyMs | null
  readonly changeStatuses: Readonly<Record<string, number>>
}

process.on('message', async (order: SliceOrder) => {
  const pools: Pool[] = []
  for (const target of order.targets) {
    // Not before its turn: a server does not wait long for the first request of a connection.
    const pool = await openPool(target)
    await pool.warmUp(order)
    pools.push(pool)
  }
  for (let round = 0; round < order.slices; round++)
    for (const pool of pools) {
      await pool.settle(order.settleRequests)
      await pool.slice(order)
    }
  const results = pools.map((pool) => pool.result())
  for (const pool of pools) pool.close()
  process.send?.(results)
})
process.on('disconnect', () => process.exit(0))

const SETTLE_MAX_MS = 1000

interface Pool {
  warmUp(order: SliceOrder): Promise<void>
  settle(requests: number): Promise<void>
  slice(order: SliceOrder): Promise<void>
  result(): TargetResult
  close(): void
}

type Counts = Record<string, number>

async function openPool(target: Target): Promise<Pool> {
  const { name, ports, pids, changes, expectedStatus } = target
  const connections = await Promise.all(Array.from({ length: target.connections }, (_, at) => openTo(ports, at)))
  const changing = changes && (await startChanges(changes, ports))
  const requests = target.requests.map((text) => Buffer.from(text))
  let next = 0
  const latencies = createLatencies()
  const statuses: Counts = {}
  const answeredAs: Counts = {}
  let measuring = false
  const slices: Slice[] = []

  const isLeft = () => target.order === 'in-turn' || requests.length > next

  /** Asks on all connections for as long as `more` says, and waits for the last answers. */
  function run(more: (sent: number) => boolean) {
    return new Promise<{ requests: number; failures: number }>((resolve) => {
      let sent = 0
      let failures = 0
      let open = connections.length
      for (const connection of connections) ask(connection)

      function ask(connection: Connection): void {
        if (!more(sent) || !isLeft()) {
          open--
          if (open === 0) resolve({ requests: sent - failures, failures })
          return
        }
        sent++
        const request = requests[next++ % requests.length] ?? requests[0]
        const askedMs = performance.now()
        connection.ask(request as Buffer, (status, head) => {
          if (status !== expectedStatus) failures++
          if (measuring) {
            latencies.add(performance.now() - askedMs)
            count(statuses, String(status))
            count(answeredAs, cacheStatusOf(head))
          }
          ask(connection)
        })
      }
    })
  }

  async function unmeasured(requests: number, maxMs: number): Promise<void> {
    const startedMs = performance.now()
    await run((sent) => sent < requests && performance.now() - startedMs < maxMs)
  }

  async function slice({ sliceMs, sliceRequests }: SliceOrder): Promise<void> {
    const before = processorUs(pids)
    const atMs = Date.now()
    const startedMs = performance.now()
    const change = changing?.run(sliceMs)
    measuring = true
    const outcome = await run((sent) => sent < sliceRequests && performance.now() - startedMs < sliceMs)
    measuring = false
    const ms = performance.now() - startedMs
    const after = processorUs(pids)
    const serverUs = before === null || after === null ? null : after - before
    slices.push({ ...outcome, ms, atMs, serverUs, changes: (await change) ?? null })
  }

  return {
    warmUp: ({ warmUpRequests, warmUpMaxMs }) => unmeasured(warmUpRequests, warmUpMaxMs),
    settle: (requests) => unmeasured(requests, SETTLE_MAX_MS),
    slice,
    result: () => ({
      name,
      slices,
      latencyMs: latencies.summary(),
      statuses,
      answeredAs,
      changeLatencyMs: changing?.latencyMs() ?? null,
      changeStatuses: changing?.statuses() ?? {},
    }),
    close() {
      for (const connection of connections) connection.close()
      changing?.close()
    },
  }
}

function openTo(ports: readonly number[], at: number): Promise<Connection> {
  return openConnection(ports[at % ports.length] ?? 0)
}

function processorUs(pids: readonly number[]): number | null {
  const each = pids.map(processorNs)
  return each.includes(null) ? null : each.reduce<number>((sum, ns) => sum + (ns ?? 0), 0) / 1000
}

function count(counts: Counts, of: string): void {
  counts[of] = (counts[of] ?? 0) + 1
}
