/**
 * Users with a few accesses each that end again and again, half of them by their grant and half by their membership; those
 * of one third of the users are written by calls of the API, of another by SQL behind it, and of the last by transactions
 * that stay open.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { DatabaseClock } from '../../../src/cache/index.ts'
import type { Environment } from '../environment.ts'
import { HttpError } from '../http-connection.ts'
import type { Random } from '../random.ts'
import { byApi, byLateSql, bySql, type Commits, type Giving } from './giving.ts'
import type { Version } from './judge.ts'

export const USERS = 24
export const SLOTS = 4

export const userNamed = (user: number) => `x${String(user).padStart(3, '0')}`

export interface Slot {
  readonly user: number
  readonly slot: number
  /** In the order in which they were written, by one writer. */
  readonly versions: Version[]
  readonly changes: Changes
}

/** What was done to accesses that had not ended yet. */
export interface Changes {
  later: number
  sooner: number
  taken: number
  /** Transactions that were open when the access ended by what held before, or by themselves. */
  acrossEnd: number
}

const SHORTEST_MS = 200
const LONGEST_MS = 20_000
const REST_MS = 1500
/** Of the accesses that last long enough, so many are prolonged before they end, or given any other end. */
const PROLONGED_SHARE = 0.3
/** So many are given an earlier one. */
const SHORTENED_SHARE = 0.15
/** And so many are taken before. */
const TAKEN_SHARE = 0.15
/** How long before its moment the change of a transaction that stays open begins at most. */
const AHEAD_MS = 3000

const NEVER_GIVEN: Version = {
  fromMs: Number.NEGATIVE_INFINITY,
  ackedMs: Number.NEGATIVE_INFINITY,
  endMs: Number.NEGATIVE_INFINITY,
}

/** Users, groups and resources; nothing is accessible but what has no end. */
export async function prepare({ sql }: Pick<Environment, 'sql'>): Promise<Slot[]> {
  const slots = Array.from({ length: USERS * SLOTS }, (_, at): Slot => {
    return {
      user: Math.floor(at / SLOTS),
      slot: at % SLOTS,
      versions: [NEVER_GIVEN],
      changes: { later: 0, sooner: 0, taken: 0, acrossEnd: 0 },
    }
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
  readonly environment: Pick<Environment, 'sql' | 'session' | 'fleet' | 'transactionsEnded'>
  readonly time: DatabaseClock
  readonly random: Random
  /** Of an administrator. */
  readonly bearer: string
}

export interface SlotWriter {
  stop(): Promise<void>
}

const WRITERS = ['sql', 'api', 'late-sql'] as const

/** Gives the access for a time, sometimes gives it another end before that is over or takes it, waits, and gives it again. */
export function startSlotWriter({ user, slot, versions, changes }: Slot, options: SlotWriterOptions): SlotWriter {
  const { environment, time, random } = options
  const stopping = new AbortController()
  const by = slot % 2 === 0 ? ('grant' as const) : ('membership' as const)
  const access = { user: userNamed(user), name: `${userNamed(user)}/s${slot}`, by }
  const writer = WRITERS[user % WRITERS.length]
  const giving: Giving =
    writer === 'api'
      ? byApi(access, options)
      : writer === 'sql'
        ? bySql(access, environment)
        : byLateSql(access, options)
  const pause = (ms: number) => sleep(ms, undefined, { signal: stopping.signal }).catch(() => {})
  // As many short ones as long ones, by their order of magnitude.
  const lifeMs = () => SHORTEST_MS * (LONGEST_MS / SHORTEST_MS) ** random.next()

  /**
   * Where nobody learns whether it took effect, anything is right until the next change. That may come once no transaction
   * of this one is left; where the request itself may still be under way, never.
   * @param change when the access ends by it; null where nothing changed
   * @returns whether another change may follow
   */
  async function changed(
    change: (commits: Commits, effectMs: () => number) => Promise<number | null>,
  ): Promise<boolean> {
    const formerEndMs = versions.at(-1)?.endMs ?? 0
    const beganMs = time.earliestMs()
    let fromMs = beganMs
    const commits = () => {
      fromMs = time.earliestMs()
    }
    try {
      const endMs = await change(commits, () => fromMs)
      const ackedMs = time.latestMs()
      if (endMs !== null) versions.push({ fromMs, ackedMs, endMs })
      const wasOpenAt = (ms: number) => ms > beganMs && ms < ackedMs
      if (fromMs > beganMs && [formerEndMs, endMs ?? 0].some(wasOpenAt)) changes.acrossEnd++
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

  const give = (forMs: number) => changed((commits) => giving.give(forMs, commits))
  /** From then on it had ended. */
  const take = () => changed(async (commits, effectMs) => ((await giving.take(commits)) === null ? null : effectMs()))
  const leftMs = () => (versions.at(-1)?.endMs ?? 0) - time.latestMs()

  /** Most of them close to the end. */
  async function changeOrWait(): Promise<boolean> {
    const which = random.next()
    if (which > PROLONGED_SHARE + SHORTENED_SHARE + TAKEN_SHARE || leftMs() < SHORTEST_MS) return true
    const aheadMs = writer === 'late-sql' ? AHEAD_MS * random.next() : 0
    await pause(Math.max(0, leftMs() * (1 - random.next() ** 2) - aheadMs))
    if (stopping.signal.aborted) return false
    if (which < PROLONGED_SHARE) {
      changes.later++
      return give(lifeMs())
    }
    if (which < PROLONGED_SHARE + SHORTENED_SHARE) {
      changes.sooner++
      return give(leftMs() * random.next())
    }
    changes.taken++
    return take()
  }

  async function run(): Promise<void> {
    // In a former fault it became unknown for good.
    if (versions.at(-1)?.ackedMs === Number.POSITIVE_INFINITY) return
    while (!stopping.signal.aborted) {
      await pause(random.next() * REST_MS)
      if (stopping.signal.aborted || !(await give(lifeMs())) || !(await changeOrWait())) return
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
