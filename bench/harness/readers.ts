/**
 * Readers of several kinds at once, in closed loops or at a steady rate. At a rate, a request is asked at its time whether
 * or not those before it are answered: if no connection is free, its latency counts from then (no coordinated omission).
 */
import type { Server } from './servers.ts'
import { type Connection, onTheWire, openConnection, type WireRequest } from './wire.ts'

/**
 * The answers to one kind of readers. Numbers alone: hundreds of thousands of objects would keep the collector of this
 * process busy, and the answers waiting.
 */
export interface Answers {
  /** When each was due, by the system's clock. */
  readonly atMs: readonly number[]
  readonly ms: readonly number[]
}

export interface ReadersOptions {
  readonly server: Pick<Server, 'url'>
  /** Of each kind, used in turn. */
  readonly kinds: Readonly<Record<string, readonly WireRequest[]>>
  /** Over all kinds alike; null: each connection asks again when it has its answer. */
  readonly perSecond: number | null
  /** Connections of each kind in closed loops. */
  readonly lanes: number
}

/** Of each kind at a rate; what is due while all of them wait for an answer waits for one of them. */
const CONNECTIONS = 16
const TICK_MS = 1

interface Kind {
  readonly name: string
  readonly requests: readonly Buffer[]
  readonly free: Connection[]
  /** When those were due that no connection was free for. */
  readonly waiting: number[]
  readonly answers: { atMs: number[]; ms: number[] }
  next: number
}

export async function startReaders({ server, kinds: wanted, perSecond, lanes }: ReadersOptions) {
  const port = new URL(server.url).port
  const kinds = await Promise.all(
    Object.entries(wanted).map(async ([name, requests]): Promise<Kind> => {
      const connections = Array.from({ length: perSecond === null ? lanes : CONNECTIONS }, () =>
        openConnection(Number(port)),
      )
      return {
        name,
        requests: requests.map((request) => Buffer.from(onTheWire(request, port))),
        free: await Promise.all(connections),
        waiting: [],
        answers: { atMs: [], ms: [] },
        next: 0,
      }
    }),
  )
  const all = kinds.flatMap(({ free }) => free)
  const epochMs = Date.now() - performance.now()
  let stopped = false
  let open = 0
  let failed: number | null = null
  let settled = () => {}

  function ask(kind: Kind, connection: Connection, dueMs: number): void {
    open++
    const request = kind.requests[kind.next++ % kind.requests.length] as Buffer
    connection.ask(request, (status) => {
      open--
      if (status !== 200) failed = status
      kind.answers.atMs.push(epochMs + dueMs)
      kind.answers.ms.push(performance.now() - dueMs)
      answered(kind, connection)
    })
  }

  function answered(kind: Kind, connection: Connection): void {
    const dueMs = perSecond === null ? performance.now() : kind.waiting.shift()
    if (dueMs !== undefined && !stopped) ask(kind, connection, dueMs)
    else kind.free.push(connection)
    if (stopped && open === 0) settled()
  }

  function atRate(rate: number): () => void {
    const startedMs = performance.now()
    let asked = 0
    const ticker = setInterval(() => {
      // That this process is late is not the server's.
      const nowMs = performance.now()
      while (startedMs + (asked * 1000) / rate <= nowMs) {
        const kind = kinds[asked++ % kinds.length] as Kind
        const connection = kind.free.pop()
        if (connection) ask(kind, connection, nowMs)
        else kind.waiting.push(nowMs)
      }
    }, TICK_MS)
    return () => clearInterval(ticker)
  }

  const end = perSecond === null ? () => {} : atRate(perSecond)
  if (perSecond === null)
    for (const kind of kinds) for (const connection of kind.free.splice(0)) ask(kind, connection, performance.now())

  return {
    /** @returns all answers, once the last one is there */
    async stop(): Promise<ReadonlyMap<string, Answers>> {
      end()
      stopped = true
      if (open > 0) await new Promise<void>((resolve) => (settled = resolve))
      for (const connection of all) connection.close()
      if (failed !== null) throw new Error(`a reader was answered ${failed}`)
      return new Map(kinds.map(({ name, answers }) => [name, answers]))
    },
  }
}
