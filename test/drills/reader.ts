/** Polls one user's list on one instance at a fixed rate, and records every answer or failure. */
import { nowMs } from './clock.ts'
import type { Fleet } from './fleet.ts'
import { createHttpConnection, encodeRequest, type HttpAnswer, HttpError, headerOf } from './http-connection.ts'
import type { Read, WorldRecord } from './recorder.ts'

const TIMEOUT_MS = 10_000
/** Every so many reads carry the newest consistency token of their world. */
const TOKEN_EVERY = 4
const REMEMBERED_BODIES = 5000

export interface ReaderOptions {
  readonly port: number
  readonly instance: number
  readonly fleet: Pick<Fleet, 'processOf' | 'isServing'>
  readonly world: number
  readonly record: WorldRecord
  readonly user: string
  readonly path: string
  readonly bearer: string
  readonly everyMs: number
  /** Where in the period it polls, so that all readers together are an even load. */
  readonly offsetMs: number
  readonly onRead: (read: Read) => void
  readonly views: (body: string) => string
}

export function startReader(options: ReaderOptions): { stop(): void } {
  const { port, instance, user, path, world, record, everyMs } = options
  const connection = createHttpConnection({ port, timeoutMs: TIMEOUT_MS })
  const plain = encodeRequest({ method: 'GET', path, token: options.bearer })
  let reads = 0
  let busy = false
  let stopped = false

  async function read(): Promise<void> {
    const token = ++reads % TOKEN_EVERY === 0 ? record.token : null
    const headers = token && { 'Consistency-Token': token.text }
    const request = headers ? encodeRequest({ method: 'GET', path, token: options.bearer, headers }) : plain
    const process = options.fleet.processOf(instance)
    const startedMs = nowMs()
    try {
      const answer = await connection.send(request)
      const view = answer.status === 200 ? options.views(answer.body) : null
      const { endedMs } = answer
      const { outcome, detail } = outcomeOf(answer)
      options.onRead({
        instance,
        startedMs,
        endedMs,
        status: answer.status,
        outcome,
        detail,
        world,
        answer:
          view === null ? null : { user, process, startedMs, endedMs, tokenVersion: token?.version ?? null, view },
      })
    } catch (error) {
      if (!(error instanceof HttpError)) throw error
      options.onRead({
        instance,
        startedMs,
        endedMs: nowMs(),
        status: 0,
        outcome: error.code,
        detail: null,
        world,
        answer: null,
      })
    }
  }

  async function tick(): Promise<void> {
    // A slow answer costs the polls that fall into it: a client waits for its answer too.
    if (busy || stopped || !options.fleet.isServing(instance)) return
    busy = true
    try {
      await read()
    } finally {
      busy = false
    }
  }

  let timer = setTimeout(() => {
    void tick()
    timer = setInterval(() => void tick(), everyMs) as NodeJS.Timeout
  }, options.offsetMs)
  return {
    stop() {
      stopped = true
      clearTimeout(timer)
      clearInterval(timer)
      connection.close()
    },
  }
}

function outcomeOf({ status, head, body }: HttpAnswer): Pick<Read, 'outcome' | 'detail'> {
  if (status !== 200) return { outcome: 'error', detail: typeOf(body) }
  const said = headerOf(head, 'Cache-Status') ?? ''
  const detail = /detail=([\w.-]+)/.exec(said)?.[1] ?? null
  if (said.includes('; hit')) return { outcome: 'hit', detail }
  return { outcome: said.includes('fwd=bypass') ? 'bypass' : 'miss', detail }
}

/** Of a problem document; other errors are told by their beginning. */
function typeOf(body: string): string {
  try {
    return (JSON.parse(body) as { type: string }).type
  } catch {
    return body.slice(0, 300)
  }
}

/** Most bodies are the same as before; reading each JSON again would cost more than sending it. */
export function createViewReader(viewOfBody: (body: string) => string): (body: string) => string {
  const known = new Map<string, string>()
  return (body) => {
    const found = known.get(body)
    if (found !== undefined) return found
    if (known.size > REMEMBERED_BODIES) known.clear()
    const view = viewOfBody(body)
    known.set(body, view)
    return view
  }
}
