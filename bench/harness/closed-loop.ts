/**
 * Load in slices of a fraction of a second that go round all servers: whatever else the machine does meanwhile, it does
 * to all of them alike. Closed loop: each connection asks again when it has its answer. Raw sockets, so that making the
 * load costs less than answering it. Runs as a process of its own; see `slices.ts`.
 */
import { connect, type Socket } from 'node:net'
import { processorNs } from './processor.ts'

export interface Target {
  readonly name: string
  readonly port: number
  readonly pid: number
  /** Whole requests as they go on the wire, used in turn. */
  readonly requests: readonly string[]
  readonly expectedStatus: number
}

export interface SliceOrder {
  readonly targets: readonly Target[]
  readonly connections: number
  readonly sliceMs: number
  readonly warmUpRequests: number
  /** Enough, however few requests that were: the slowest peers answer dozens per second. */
  readonly warmUpMaxMs: number
  readonly slices: number
}

export interface Slice {
  readonly name: string
  readonly requests: number
  readonly ms: number
  /** Processor time of the server's main thread, in microseconds; null where the system does not tell. */
  readonly serverUs: number | null
  readonly latenciesMs: readonly number[]
  /** Answers with another status than expected; they are no part of `requests`. */
  readonly failures: number
}

/** Latencies kept per slice: enough for percentiles over all slices. */
const LATENCIES_KEPT = 500

process.on('message', async (order: SliceOrder) => {
  const pools: Pool[] = []
  for (const target of order.targets) {
    // Not before its turn: a server does not wait long for the first request of a connection.
    const pool = await openPool(target, order.connections)
    const startedMs = performance.now()
    await pool.run((sent) => sent < order.warmUpRequests && performance.now() - startedMs < order.warmUpMaxMs)
    pools.push(pool)
  }
  const slices: Slice[] = []
  for (let round = 0; round < order.slices; round++) for (const pool of pools) slices.push(await oneSlice(pool, order))
  closing = true
  for (const pool of pools) pool.close()
  process.send?.(slices)
})
process.on('disconnect', () => process.exit(0))

async function oneSlice(pool: Pool, { sliceMs }: SliceOrder): Promise<Slice> {
  const { name, pid } = pool.target
  const before = processorNs(pid)
  const startedMs = performance.now()
  const { requests, latenciesMs, failures } = await pool.run(() => performance.now() - startedMs < sliceMs)
  const after = processorNs(pid)
  const serverUs = before === null || after === null ? null : (after - before) / 1000
  return { name, requests, failures, ms: performance.now() - startedMs, serverUs, latenciesMs }
}

type Outcome = Pick<Slice, 'requests' | 'failures'> & { readonly latenciesMs: number[] }

interface Pool {
  readonly target: Target
  /** Asks on all connections for as long as `more` says, and waits for the last answers. */
  run(more: (sent: number) => boolean): Promise<Outcome>
  close(): void
}

let closing = false

async function openPool(target: Target, connections: number): Promise<Pool> {
  const sockets = await Promise.all(Array.from({ length: connections }, () => open(target.port)))
  const requests = target.requests.map((text) => Buffer.from(text))
  let turn = 0

  function run(more: (sent: number) => boolean) {
    return new Promise<Outcome>((resolve) => {
      const latenciesMs: number[] = []
      let sent = 0
      let failures = 0
      let open = sockets.length
      for (const socket of sockets) {
        let askedMs = 0
        const ask = () => {
          if (!more(sent)) {
            open--
            if (open === 0) resolve({ requests: sent - failures, failures, latenciesMs })
            return
          }
          sent++
          turn = (turn + 1) % requests.length
          askedMs = performance.now()
          socket.write(requests[turn] ?? '')
        }
        onAnswers(socket, (status) => {
          if (status !== target.expectedStatus) failures++
          if (latenciesMs.length < LATENCIES_KEPT || sent % 16 === 0) latenciesMs.push(performance.now() - askedMs)
          ask()
        })
        ask()
      }
    })
  }

  return {
    target,
    run,
    close: () => {
      for (const socket of sockets) socket.destroy()
    },
  }
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(socket))
    socket.once('error', reject)
    socket.once('close', () => {
      if (!closing) throw new Error(`port ${port} closed a connection`)
    })
  })
}

const HEADER_END = Buffer.from('\r\n\r\n')
/** As every server here writes it. */
const LENGTH = Buffer.from('Content-Length: ')
const STATUS_AT = 'HTTP/1.1 '.length

function numberAt(bytes: Buffer, at: number): number {
  let value = 0
  for (let digit = (bytes[at] ?? 0) - 48; digit >= 0 && digit <= 9; digit = (bytes[++at] ?? 0) - 48)
    value = value * 10 + digit
  return value
}

/** Reads no more than it must: the status, the length, and how many bytes are still to come. */
function onAnswers(socket: Socket, onAnswer: (status: number) => void): void {
  let head: Buffer | null = null
  let missing = 0
  let status = 0
  socket.removeAllListeners('data')
  socket.on('data', (chunk: Buffer) => {
    if (missing > 0) {
      missing -= chunk.length
      if (missing <= 0) onAnswer(status)
      return
    }
    const bytes: Buffer = head === null ? chunk : Buffer.concat([head, chunk])
    const end = bytes.indexOf(HEADER_END)
    head = end === -1 ? bytes : null
    if (end === -1) return
    status = numberAt(bytes, STATUS_AT)
    const lengthAt = bytes.indexOf(LENGTH)
    const length = lengthAt === -1 || lengthAt > end ? 0 : numberAt(bytes, lengthAt + LENGTH.length)
    missing = length - (bytes.length - end - HEADER_END.length)
    if (missing <= 0) onAnswer(status)
  })
}
