/**
 * How an access is given for a time, given another end, and taken: by SQL behind the API, at once or in a transaction that
 * stays open, or by every call that can.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { DatabaseClock } from '../../../src/cache/index.ts'
import type { Environment } from '../environment.ts'
import { createHttpConnection, encodeRequest, HttpError } from '../http-connection.ts'
import type { Random } from '../random.ts'

/** One access, by the name that its group and its resource have. */
export interface Access {
  readonly user: string
  readonly name: string
  /** What ends of it; the other half has no end. */
  readonly by: 'grant' | 'membership'
}

/** Null: what was asked for was too late or had no object, so nothing changed. @throws where nobody learns whether it changed */
export type Giving = {
  /** @returns when it ends, by PostgreSQL's clock */
  give(forMs: number, commits: Commits): Promise<number | null>
  take(commits: Commits): Promise<'taken' | null>
}

/** Called where a change is carried out long before it takes effect: it may do so from now on. */
export type Commits = () => void

const END = `clock_timestamp() + $2 * interval '1 millisecond'`
const RETURNING = 'RETURNING (extract(epoch FROM expires_at) * 1000)::float8 AS end'
const SQL = {
  grant: {
    give: `INSERT INTO grants (group_id, resource_id, permission, expires_at)
      SELECT g.id, r.id, 'read', ${END} FROM groups g JOIN resources r ON r.name = g.name WHERE g.name = $1
      ON CONFLICT (group_id, resource_id) DO UPDATE SET expires_at = EXCLUDED.expires_at ${RETURNING}`,
    take: 'DELETE FROM grants WHERE expires_at IS NOT NULL AND group_id = (SELECT id FROM groups WHERE name = $1)',
  },
  membership: {
    give: `INSERT INTO memberships (user_id, group_id, expires_at)
      SELECT split_part(name, '/', 1), id, ${END} FROM groups WHERE name = $1
      ON CONFLICT (user_id, group_id) DO UPDATE SET expires_at = EXCLUDED.expires_at ${RETURNING}`,
    take: 'DELETE FROM memberships WHERE expires_at IS NOT NULL AND group_id = (SELECT id FROM groups WHERE name = $1)',
  },
}

export function bySql({ name, by }: Access, { sql }: Pick<Environment, 'sql'>): Giving {
  return {
    async give(forMs) {
      const [row] = await sql(SQL[by].give, [name, forMs])
      return Number(row?.end)
    },
    async take() {
      await sql(SQL[by].take, [name])
      return 'taken'
    },
  }
}

const OPEN_MS = { least: 200, most: 3000 }
/** How far from its commit a transaction lets the access end, where it does so at about that moment. */
const ABOUT_MS = 400

/** In a transaction that commits long after its statement: about when the access ends by it, or at any moment of the former end. */
export function byLateSql(
  { name, by }: Access,
  { environment, random }: { readonly environment: Pick<Environment, 'session'>; readonly random: Random },
): Giving {
  async function late(text: string, values: readonly unknown[], openMs: number, commits: Commits) {
    const session = await environment.session()
    try {
      await session.query('BEGIN')
      const { rows } = await session.query<{ end: number }>(text, [...values])
      await sleep(openMs)
      commits()
      await session.query('COMMIT')
      return rows[0]
    } finally {
      await session.end()
    }
  }

  const openMs = () => random.between(OPEN_MS.least, OPEN_MS.most)
  return {
    async give(forMs, commits) {
      const commitsAfterMs = openMs()
      const lastsMs = random.next() < 0.5 ? random.between(-ABOUT_MS, ABOUT_MS) : forMs
      const row = await late(SQL[by].give, [name, commitsAfterMs + lastsMs], commitsAfterMs, commits)
      return Number(row?.end)
    },
    async take(commits) {
      await late(SQL[by].take, [name], openMs(), commits)
      return 'taken'
    },
  }
}

const TIMEOUT_MS = 40_000
/** The end was over when the service came to it; what was to be taken had ended. */
const TOO_LATE = [404, 422]

export interface ByApiOptions {
  readonly environment: Pick<Environment, 'fleet'>
  readonly time: DatabaseClock
  readonly random: Random
  readonly bearer: string
}

export function byApi({ user, name, by }: Access, { environment, time, random, bearer }: ByApiOptions): Giving {
  const connections = environment.fleet.ports.map((port) => createHttpConnection({ port, timeoutMs: TIMEOUT_MS }))
  const group = `/groups/name:${encodeURIComponent(name)}`
  const one = by === 'grant' ? `${group}/grants/name:${encodeURIComponent(name)}` : `${group}/members/${user}`
  const permission = 'read'
  const calls: Record<'one' | 'list' | 'import', (end: { expiresAt: string }) => [string, string, object]> = {
    one: (end) => ['PUT', one, by === 'grant' ? { permission, ...end } : end],
    list: (end) =>
      by === 'grant'
        ? ['PUT', `${group}/grants`, { grants: [{ resource: `name:${name}`, permission, ...end }] }]
        : ['PUT', `${group}/members`, { members: [{ user, ...end }] }],
    import: (end) =>
      by === 'grant'
        ? ['POST', '/import', { grants: [{ group: name, resource: name, permission, ...end }] }]
        : ['POST', '/import', { memberships: [{ group: name, user, ...end }] }],
  }

  async function call(method: string, path: string, body?: object): Promise<number> {
    const headers: Record<string, string> =
      path.endsWith('/grants') || path.endsWith('/members') ? { 'If-Match': '*' } : {}
    const request = encodeRequest({ method, path, token: bearer, headers, ...(body && { body }) })
    for (let attempt = 0; ; attempt++) {
      try {
        const { status, body: said } = await random.pick(connections).send(request)
        if (status < 300 || TOO_LATE.includes(status)) return status
        throw new Error(`${method} ${path} was answered ${status}: ${said}`)
      } catch (error) {
        if (!(error instanceof HttpError) || error.code !== 'refused' || attempt === 10) throw error
      }
    }
  }

  return {
    async give(forMs) {
      const endMs = Math.ceil(time.latestMs() + forMs)
      const how = calls[random.pick(['one', 'list', 'import'] as const)]
      return (await call(...how({ expiresAt: new Date(endMs).toISOString() }))) < 300 ? endMs : null
    },
    async take() {
      return (await call('DELETE', one)) < 300 ? 'taken' : null
    },
  }
}
