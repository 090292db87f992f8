/**
 * PgBouncer in transaction mode in front of a primary that becomes a standby, as a failover leaves it where the pooler
 * is not told: it goes on under connections that were made to the primary. No read may be answered from there.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Access, ChangeFeed, Portcullis, Reads, ScimDirectory } from '../../src/domain/api.ts'
import type { DomainError } from '../../src/domain/errors.ts'
import type { GroupId, UserId } from '../../src/domain/model.ts'
import { findPgBouncer, type PgBouncer, startPgBouncer } from '../support/pgbouncer.ts'
import { ask, type ReplicatedPostgres, startReplicatedPostgres } from '../support/replicated-postgres.ts'
import { asRoot, type Service, smallOrganisation, startService } from '../support/service.ts'

const ann = 'ann' as UserId
const group = { name: 'dept' }
const resource = { name: 'handbook' }
const page = { limit: 10, reader: ann }
const fresh = { bypass: true }
const handbook = { kind: 'document', name: 'handbook' }
let deptId: GroupId

/** Every read that there is: a new one does not compile until it is named here. */
const READS: {
  readonly [Name in Exclude<keyof Reads, 'checkToken'>]: (reads: Reads) => Promise<unknown>
} = {
  visibleResources: (reads) => reads.visibleResources(ann, { limit: 10 }, fresh),
  visibleResource: (reads) => reads.visibleResource(ann, resource, fresh),
  resource: (reads) => reads.resource(resource),
  effectiveGroups: (reads) => reads.effectiveGroups(ann, fresh),
  counts: (reads) => reads.counts(ann, fresh),
  explain: (reads) => reads.explain(ann, resource),
  access: (reads) => reads.access(resource, page),
  user: (reads) => reads.user(ann),
  users: (reads) => reads.users(page),
  group: (reads) => reads.group(group),
  groups: (reads) => reads.groups(page),
  membersOf: (reads) => reads.membersOf(group, page),
  grantsOf: (reads) => reads.grantsOf(group, page),
  roleIn: (reads) => reads.roleIn(ann, group),
  permissionOn: (reads) => reads.permissionOn(ann, resource),
  auditTrail: (reads) => reads.auditTrail(page),
}
const ACCESS: { readonly [Name in keyof Access]: (access: Access) => Promise<unknown> } = {
  decisions: (access) => access.decisions([{ user: ann, action: 'read', resource: handbook }], fresh),
  users: (access) => access.users({ action: 'read', resource: handbook }, { scope: [] }, fresh),
  resources: (access) => access.resources({ user: ann, action: 'read', kind: 'document' }, { scope: [] }, fresh),
  actions: (access) => access.actions({ user: ann, resource: handbook }, { scope: [] }, fresh),
  isDisabled: (access) => access.isDisabled(ann, fresh),
}
const some = { offset: 0, count: 10 }
const SCIM: { readonly [Name in Exclude<keyof ScimDirectory, 'idSource'>]: (scim: ScimDirectory) => Promise<unknown> } =
  {
    user: (scim) => scim.user(ann, 'with'),
    users: (scim) => scim.users({ ...some, related: 'with' }),
    group: (scim) => scim.group(deptId, 'with'),
    groups: (scim) => scim.groups({ ...some, related: 'with' }),
  }
const OTHERS: Readonly<Record<string, (portcullis: Portcullis) => Promise<unknown>>> = {
  'cache.invalidations': ({ cache }) => cache.invalidations({ limit: 10 }),
  'changes.open': ({ changes }) => opened(changes),
}

async function opened(changes: ChangeFeed): Promise<unknown> {
  const stream = await changes.open()
  stream.close()
  return stream
}

const named = <Part>(part: string, calls: Readonly<Record<string, (from: Part) => Promise<unknown>>>, from: Part) =>
  Object.entries(calls).map(([name, call]) => [`${part}.${name}`, () => call(from)] as const)

let servers: ReplicatedPostgres
let bouncer: PgBouncer
let service: Service

describe.skipIf(!findPgBouncer())('a pooler in transaction mode whose primary has become a standby', () => {
  beforeAll(async () => {
    servers = await startReplicatedPostgres()
    const { databaseUrl } = servers.primary
    await ask(databaseUrl, `ALTER ROLE CURRENT_USER SET statement_timeout = '20s'`)
    bouncer = await startPgBouncer({ mode: 'transaction', databaseUrl, poolSize: 4 })
    // What waits while the servers change places is not given up.
    const environment = { DATABASE_POOLER: 'transaction', DATABASE_STATEMENT_TIMEOUT_MS: '20000' }
    service = await startService({ databaseUrl: bouncer.databaseUrl, environment })
    await service.portcullis.mutations.importOrganisation(smallOrganisation, asRoot)
    deptId = (await service.portcullis.reads.group(group))!.id
  }, 60_000)
  afterAll(async () => {
    await service?.close()
    await bouncer?.close()
    await servers?.close()
  })

  it('answers no read from it', async () => {
    const { portcullis } = service
    const reads = [
      ...named('reads', READS, portcullis.reads),
      ...named('access', ACCESS, portcullis.access),
      ...named('scim', SCIM, portcullis.scim),
      ...named('others', OTHERS, portcullis),
    ]
    const answers = async () =>
      Object.fromEntries(
        await Promise.all(
          reads.map(async ([name, read]) => [
            name,
            await read().then(
              () => 'answered',
              ({ code }: DomainError) => code,
            ),
          ]),
        ),
      )
    const all = (what: string) => Object.fromEntries(reads.map(([name]) => [name, what]))
    expect(await answers()).toEqual(all('answered'))

    await bouncer.paused(servers.switchOver)
    // What the new primary takes away, the old one goes on showing for as long as it has not heard of it.
    await ask(servers.standby.databaseUrl, `DELETE FROM memberships WHERE user_id = 'ann'`)
    const whereItLeads = () => ask(bouncer.databaseUrl, 'SELECT pg_is_in_recovery() AS standby').catch(() => [])
    await expect.poll(whereItLeads, { timeout: 10_000 }).toEqual([{ standby: true }])
    const refused = Object.entries(await answers()).map(([name, code]) => [
      name,
      /^database-(failing|unavailable)$/.test(String(code)) ? 'refused' : code,
    ])
    expect(Object.fromEntries(refused)).toEqual(all('refused'))
    // The part that says less than it could, where the rest of the page is needed most.
    expect(await portcullis.cache.status()).toMatchObject({ outages: { history: 'unavailable' } })
  }, 60_000)
})
