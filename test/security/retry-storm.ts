/** Clients that repeat a request many times at once under one Idempotency-Key, over several instances. */
import type { Answer } from './http-client.ts'
import type { ServedFleet } from './served-fleet.ts'
import type { Truth } from './visibility-truth.ts'

export interface StormOptions {
  readonly fleet: ServedFleet
  readonly truth: Truth
  readonly keys: number
  /** How many send the same request at once. */
  readonly parallel: number
  /** Keys that are under way at the same time. */
  readonly lanes: number
  readonly onProgress?: (done: number) => void
}

export interface StormReport {
  readonly requests: number
  readonly statuses: ReadonlyMap<number, number>
  /** What was not once, not the same, or not refused as it should be. */
  readonly wrong: readonly string[]
}

/** Shorter than what Retry-After asks for: a client that does not listen. */
const PAUSE_MS = 200

/** What a repetition must get again; the rest belongs to the exchange itself. */
const REPLAYED = ['location', 'etag', 'consistency-token', 'content-type'] as const

export function replayOf({ status, headers, text }: Answer): string {
  return JSON.stringify([status, text, ...REPLAYED.map((name) => headers[name])])
}

export async function storm({ fleet, truth, keys, parallel, lanes, onProgress }: StormOptions): Promise<StormReport> {
  const statuses = new Map<number, number>()
  const wrong: string[] = []
  const authorization = await fleet.authorization('root', { roles: ['admin', 'cache-admin'] })
  let begun = 0
  let requests = 0

  async function post(key: string, body: string, turn: number): Promise<Answer> {
    const instance = fleet.instances[turn % fleet.instances.length]
    if (instance === undefined) throw new Error('no instance is served')
    const headers = { authorization, 'content-type': 'application/json', 'idempotency-key': key }
    const answer = await instance.client.send({ method: 'POST', path: '/groups', headers, body })
    requests++
    statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1)
    return answer
  }

  /** A refusal that passes by itself is tried again, as a client does. */
  async function untilAnswered(key: string, body: string, turn: number): Promise<Answer> {
    const answer = await post(key, body, turn)
    const passing = answer.status === 503 || (answer.status === 409 && answer.text.includes('idempotency-in-progress'))
    if (passing && answer.headers['retry-after'] === undefined)
      wrong.push(`${key}: ${answer.status} does not say when to come back`)
    if (!passing) return answer
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    return untilAnswered(key, body, turn + 1)
  }

  async function oneKey(index: number): Promise<void> {
    const key = `storm-${index}`
    const name = `storm/${index}`
    const body = JSON.stringify({ name })
    const answers = await Promise.all(Array.from({ length: parallel }, (_, turn) => untilAnswered(key, body, turn)))
    const replays = new Set(answers.map(replayOf))
    if (replays.size !== 1 || answers[0]?.status !== 201) wrong.push(`${key}: ${[...replays].join(' and ')}`)
    const other = await post(key, JSON.stringify({ name: `${name}/other` }), index)
    if (other.status !== 422) wrong.push(`${key} for another body: ${other.status}`)
    const [found] = await truth.query<{ groups: number; audited: number; kept: number }>(
      `SELECT (SELECT count(*)::int FROM groups WHERE starts_with(name, $1) AND (name = $1 OR name = $1 || '/other')) AS groups,
         (SELECT count(*)::int FROM audit_log WHERE target = 'group:' || $1) AS audited,
         (SELECT count(*)::int FROM idempotency_keys WHERE key = $2) AS kept`,
      [name, key],
    )
    if (found?.groups !== 1 || found.audited !== 1 || found.kept !== 1) wrong.push(`${key}: ${JSON.stringify(found)}`)
  }

  async function lane(): Promise<void> {
    for (let index = begun++; index < keys && wrong.length < 50; index = begun++) {
      await oneKey(index)
      onProgress?.(index + 1)
    }
  }

  await Promise.all(Array.from({ length: lanes }, lane))
  return { requests, statuses, wrong }
}
