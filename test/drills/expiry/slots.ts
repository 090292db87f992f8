/**
 * Users with a few accesses each that end again and again, half of them by their grant and half by their membership; those
 * of half of the users are written by calls of the API, the others by SQL behind it.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { DatabaseClock } from '../../../src/cache/index.ts'
import type { Environment } from '../environment.ts'
import { HttpError } from '../http-connection.ts'
import type { Random } from '../random.ts'
import { byApi, bySql } from './giving.ts'
import type { Version } from './judge.ts'

export const USERS = 24
export const SLOTS = 4

export const userNamed = (user: number) => `x${String(user).padStart(3, '0')}`

export interface Slot {
  readonly user: number
  readonly slot: number
  /** In the order in which they were written, by one writer. */
  readonly versions: Version[]
}

const SHORTEST_MS = 200
const LONGEST_MS = 20_000
const REST_MS = 1500
/** Of the accesses that last long enough, so many are given another end before they end. */
const CHANGED_SHARE = 0.4
/** And so many are taken before. */
const TAKEN_SHARE = 0.15

const NEVER_GIVEN: Version = {
  fromMs: Number.NEGATIVE_INFINITY,
  ackedMs: Number.NEGATIVE_INFINITY,
  endMs: Number.NEGATIVE_INFINITY,
}

/** Users, groups and resources; nothing is accessible but what has no end. */
export async function prepare({ sql }: Pick<Environment, 'sql'>): Promise<Slot[]> {
  const slots = Array.from({ length: USERS * SLOTS }, (_, at): Slot => {
    return { user: Math.floor(at / SLOTS), slot: at % SLOTS, versions: [NEVER_GIVEN] }
  })
  const users = Array.from({ length: USERS }, (_, user) => userNamed(user))
  const named = slots.map(({ user, slot }) => `${userNamed(user)}/s${slot}`)
  await sql(`INSERT INTO users (id) SELECT unnest($1::text[])`, [users])
  await sql(`INSERT INTO groups (name) SELECT unnest($1::text[])`, [[...named, ...users]])
  await sql(`INSERT INTO resources (name, kind) SELECT unnest($1::text[]), 'drill'`, [[...named, ...users]])
  await sql(
    `INSERT INTO memberships (user_id, group_id) SELECT id, id_of FROM users
    JOIN (SELECT name, id AS id_of FROM groups) g ON g.name = users.id WHERE users.id = ANY ($1::text[])`,
    [users],
  )
  await sql(
    `INSERT INTO grants (group_id, resource_id, permission) SELECT g.id, r.id, 'read' FROM groups g
    JOIN resources r ON r.name = g.name WHERE g.name = ANY ($1::text[])`,
    [users],
  )
  const [byGrant, byMembership] = [0, 1].map((kind) => named.filter((_, at) => slots[at]!.slot % 2 === kind))
  // The other half of each access has no end.
  await sql(
    `INSERT INTO memberships (user_id, group_id) SELECT split_part(name, '/', 1), id FROM groups
    WHERE name = ANY ($1::text[])`,
    [byGrant],
  )
  await sql(
    `INSERT INTO grants (group_id, resource_id, permission) SELECT g.id, r.id, 'read' FROM groups g
    JOIN resources r ON r.name = g.name WHERE g.name = ANY ($1::text[])`,
    [byMembership],
  )
  return slots
}

export interface SlotWriterOptions {
  readonly environment: Pick<Environment, 'sql' | 'fleet' | 'transactionsEnded'>
  readonly time: DatabaseClock
  readonly random: Random
  /** Of an administrator. */
  readonly bearer: string
}

export interface SlotWriter {
  stop(): Promise<void>
}

/** Gives the access for a time, sometimes another time before that is over or takes it, waits, and gives it again. */
export function startSlotWriter(
  { user, slot, versions }: Slot,
  { environment, time, random, bearer }: SlotWriterOptions,
): SlotWriter {
  const stopping = new AbortController()
  const by = slot % 2 === 0 ? ('grant' as const) : ('membership' as const)
  const access = { user: userNamed(user), name: `${userNamed(user)}/s${slot}`, by }
  const giving = user % 2 === 0 ? bySql(access, environment) : byApi(access, { environment, time, random, bearer })
  const pause = (ms: number) => sleep(ms, undefined, { signal: stopping.signal }).catch(() => {})
  // As many short ones as long ones, by their order of magnitude.
  const lifeMs = () => SHORTEST_MS * (LONGEST_MS / SHORTEST_MS) ** random.next()

  /**
   * Where nobody learns whether it took effect, anything is right until the next change. That may come once no transaction
   * of this one is left; where the request itself may still be under way, never.
   * @param change when the access ends by it; null where nothing changed
   * @returns whether another change may follow
   */
  async function changed(change: () => Promise<number | null>): Promise<boolean> {
    const fromMs = time.earliestMs()
    try {
      const endMs = await change()
      if (endMs !== null) versions.push({ fromMs, ackedMs: time.latestMs(), endMs })
      return true
    } catch (error) {
      console.error(`[drill] ${access.name}: ${(error as Error).message}`)
      const place = versions.push({ fromMs, ackedMs: Number.POSITIVE_INFINITY, endMs: fromMs, isUnknown: true }) - 1
      if (error instanceof HttpError) return false
      await environment.transactionsEnded()
      versions[place] = { fromMs, ackedMs: time.latestMs(), endMs: fromMs, isUnknown: true }
      return true
    }
  }

  const give = () => changed(() => giving.give(lifeMs()))
  /** From then on it had ended. */
  const take = () => {
    const fromMs = time.earliestMs()
    return changed(async () => ((await giving.take()) === null ? null : fromMs))
  }
  const leftMs = () => (versions.at(-1)?.endMs ?? 0) - time.latestMs()

  async function run(): Promise<void> {
    // In a former fault it became unknown for good.
    if (versions.at(-1)?.ackedMs === Number.POSITIVE_INFINITY) return
    while (!stopping.signal.aborted) {
      await pause(random.next() * REST_MS)
      if (stopping.signal.aborted || !(await give())) return
      const next = random.next()
      if (next < CHANGED_SHARE + TAKEN_SHARE && leftMs() > SHORTEST_MS) {
        // Most of them close to the end.
        await pause(leftMs() * (1 - random.next() ** 2))
        if (stopping.signal.aborted || !(await (next < CHANGED_SHARE ? give() : take()))) return
      }
      await pause(Math.max(0, leftMs()))
    }
  }

  const running = run()
  return {
    async stop() {
      stopping.abort()
      await running
    },
  }
}
