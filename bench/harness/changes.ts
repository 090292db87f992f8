/** Changes beside reads: at a steady rate, each at its time whether or not the last is answered, or in closed loops. */
import { createLatencies } from './latencies.ts'
import type { LatencyMs } from './statistics.ts'
import { type Connection, openConnection } from './wire.ts'

export interface ChangeOrder {
  /** Each lane's requests are asked in their order, one at a time, over all instances in turn. */
  readonly lanes: readonly (readonly string[])[]
  /** Over all lanes; null: each lane asks again when it has its answer. */
  readonly perSecond: number | null
}

export interface ChangeSlice {
  readonly asked: number
  /** Answered with 2xx. */
  readonly done: number
  /** Until the last of them was answered, and not less than the slice. */
  readonly ms: number
}

export interface Changes {
  /** Ends when the last change that was due within `forMs` is answered. */
  run(forMs: number): Promise<ChangeSlice>
  latencyMs(): LatencyMs
  statuses(): Readonly<Record<string, number>>
  close(): void
}

interface Lane {
  readonly requests: readonly Buffer[]
  /** One per instance, used in turn. */
  readonly connections: readonly Connection[]
  next: number
  busy: boolean
}

const TICK_MS = 2

export async function startChanges(
  { lanes: texts, perSecond }: ChangeOrder,
  ports: readonly number[],
): Promise<Changes> {
  const lanes: Lane[] = await Promise.all(
    texts.map(async (lane) => ({
      requests: lane.map((text) => Buffer.from(text)),
      connections: await Promise.all(ports.map((port) => openConnection(port))),
      next: 0,
      busy: false,
    })),
  )
  const latencies = createLatencies()
  const statuses: Record<string, number> = {}

  /** @param dueMs when it should have been sent: waiting for a free lane is part of its latency */
  function change(lane: Lane, dueMs: number): Promise<boolean> {
    lane.busy = true
    const at = lane.next++
    const { requests, connections } = lane
    return new Promise((resolve) => {
      connections[at % connections.length]?.ask(requests[at % requests.length] as Buffer, (status) => {
        lane.busy = false
        latencies.add(performance.now() - dueMs)
        statuses[status] = (statuses[status] ?? 0) + 1
        resolve(status >= 200 && status < 300)
      })
    })
  }

  async function inClosedLoops(forMs: number): Promise<ChangeSlice> {
    const startedMs = performance.now()
    let [asked, done] = [0, 0]
    await Promise.all(
      lanes.map(async (lane) => {
        while (performance.now() - startedMs < forMs) {
          asked++
          if (await change(lane, performance.now())) done++
        }
      }),
    )
    return { asked, done, ms: Math.max(forMs, performance.now() - startedMs) }
  }

  function atRate(forMs: number, rate: number): Promise<ChangeSlice> {
    const startedMs = performance.now()
    const total = Math.floor((forMs / 1000) * rate)
    let [asked, answered, done] = [0, 0, 0]
    return new Promise((resolve) => {
      const dueMs = (number: number) => startedMs + ((number + 0.5) * 1000) / rate
      const ticker = setInterval(send, TICK_MS)
      function send(): void {
        if (answered === total) {
          clearInterval(ticker)
          resolve({ asked: total, done, ms: Math.max(forMs, performance.now() - startedMs) })
          return
        }
        while (asked < total && dueMs(asked) <= performance.now()) {
          const free = lanes.find(({ busy }) => !busy)
          if (!free) return
          void change(free, dueMs(asked++)).then((ok) => {
            answered++
            if (ok) done++
          })
        }
      }
    })
  }

  return {
    run: (forMs) => (perSecond === null ? inClosedLoops(forMs) : atRate(forMs, perSecond)),
    latencyMs: () => latencies.summary(),
    statuses: () => statuses,
    close() {
      for (const { connections } of lanes) for (const connection of connections) connection.close()
    },
  }
}
