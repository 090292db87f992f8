/** A composed service over HTTP, for tests about access that ends: calls, rows as they are, and the job held still. */
import pg from 'pg'
import { createMetrics } from '../../src/telemetry/index.ts'
import { signToken, testKeys } from './app.ts'
import { appOf } from './app-of.ts'
import { becomes } from './becomes.ts'
import { observed } from './observed.ts'
import { serve } from './served.ts'
import { asRoot, PATIENT, type Service, smallOrganisation, startService } from './service.ts'
import { dropDatabase, freshDatabase } from './stack.ts'

/** That of the job which removes what ended (src/postgres/ended-access.ts). */
const JOB_LOCK = 0x656e6473

export interface Said {
  readonly status: number
  readonly etag: string | undefined
  // biome-ignore lint/suspicious/noExplicitAny: whatever a call answers
  readonly body: any
}

export async function startExpiring(environment: Readonly<Record<string, string>> = {}) {
  const databaseUrl = await freshDatabase()
  const metrics = createMetrics()
  const service: Service = await startService({ databaseUrl, metrics, environment: { ...PATIENT, ...environment } })
  const sql = new pg.Client({ connectionString: databaseUrl })
  await sql.connect()
  const holder = new pg.Client({ connectionString: databaseUrl })
  await holder.connect()
  await service.portcullis.mutations.importOrganisation(smallOrganisation, asRoot)
  const keys = await testKeys()
  let mark = '0'
  const app = observed(appOf({ ...service, metrics }, keys))
  const served = await serve(app)

  const call = (line: string, body?: unknown, headers?: Record<string, string>) =>
    send('root', ['admin'], line, body, headers)

  async function send(
    subject: string,
    roles: readonly string[],
    line: string,
    body: unknown,
    headers: Record<string, string> = {},
  ): Promise<Said> {
    const [method = '', path = ''] = line.split(' ')
    const token = await signToken(keys, subject, { roles })
    const answer = await served.send({
      method,
      path,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const json = answer.text === '' ? null : JSON.parse(answer.text)
    return { status: answer.status, etag: answer.headers.etag, body: json }
  }

  const rows = async <Row extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<Row[]> =>
    (await sql.query<Row>(text, [...values])).rows

  return {
    service,
    databaseUrl,
    metrics,
    served,
    sql,
    call,
    callAs: (subject: string, line: string, body?: unknown, headers?: Record<string, string>) =>
      send(subject, [], line, body, headers),
    rows,
    /** By PostgreSQL's clock, which in these tests is that of this process. */
    ago: (ms: number) => new Date(Date.now() - ms).toISOString(),
    hence: (ms: number) => new Date(Date.now() + ms).toISOString(),
    async countOf(table: 'invalidation_log' | 'audit_log' | 'memberships' | 'grants'): Promise<number> {
      return (await rows<{ n: number }>(`SELECT count(*)::int AS n FROM ${table}`))[0]?.n ?? 0
    },
    /** The small organisation again; the audit log, which nothing empties, counts from here. */
    async begin(): Promise<void> {
      await sql.query('TRUNCATE users, groups, resources CASCADE')
      await service.portcullis.mutations.importOrganisation(smallOrganisation, asRoot)
      // Rows that the instance has not read yet must not go.
      await becomes(async () => (await service.visible('dee')).map(({ name }) => name), ['elsewhere'])
      await sql.query('TRUNCATE invalidation_log')
      mark = (await rows<{ id: string }>('SELECT coalesce(max(id), 0) AS id FROM audit_log'))[0]?.id ?? '0'
    },
    /** What the audit trail says of it, oldest first. */
    auditOf: (target: string) =>
      rows<{ actor: string; action: string; before: unknown; after: unknown }>(
        'SELECT actor, action, before, after FROM audit_log WHERE target = $1 AND id > $2::bigint ORDER BY id',
        [target, mark],
      ),
    /** Nobody removes what ended until it is let go. */
    async holdJob(): Promise<void> {
      await holder.query('SELECT pg_advisory_lock($1)', [JOB_LOCK])
    },
    async letJobGo(): Promise<void> {
      await holder.query('SELECT pg_advisory_unlock_all()')
    },
    /** Until PostgreSQL's clock has passed it. */
    async passed(at: string): Promise<void> {
      await becomes(async () => (await rows<{ is: boolean }>('SELECT clock_timestamp() > $1 AS is', [at]))[0]?.is, true)
    },
    async close(): Promise<void> {
      service.portcullis.changes.close()
      await served.close()
      await holder.end()
      await sql.end()
      await service.close()
      await dropDatabase(databaseUrl)
    },
  }
}

export type Expiring = Awaited<ReturnType<typeof startExpiring>>
