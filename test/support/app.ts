/** The HTTP application over a small world in memory: one organisation, every role, tokens to match. */
import { createHash } from 'node:crypto'
import type { Express } from 'express'
import { type CryptoKey, createLocalJWKSet, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose'
import type {
  CacheStatus,
  Mutated,
  MutationContext,
  Mutations,
  Page,
  Portcullis,
  ResourceQuery,
} from '../../src/domain/api.ts'
import { createCursorCodec } from '../../src/domain/cursor.ts'
import { DomainError } from '../../src/domain/errors.ts'
import {
  type EffectiveGroup,
  EMPTY_CONTENT,
  type Group,
  type GroupId,
  type MembershipRole,
  PERMISSIONS,
  type Permission,
  type Ref,
  type Resource,
  type ResourceId,
  type User,
  type UserId,
} from '../../src/domain/model.ts'
import * as declared from '../../src/domain/mutations/index.ts'
import { createApp } from '../../src/http/app.ts'
import { type Authentication, createAuthentication } from '../../src/http/authentication.ts'
import type { RateLimits } from '../../src/http/rate-limits.ts'
import { createTickets } from '../../src/http/tickets.ts'
import { createLogger, createMetrics } from '../../src/telemetry/index.ts'
import { observed } from './observed.ts'

export const ISSUER = 'https://portcullis.test'
export const AUDIENCE = 'portcullis'

export interface TestKeys {
  readonly privateKey: CryptoKey
  readonly publicJwk: Record<string, unknown>
}

export async function testKeys(kid = 'test-key'): Promise<TestKeys> {
  const { privateKey, publicKey } = await generateKeyPair('ES256')
  return { privateKey, publicJwk: { ...(await exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' } }
}

export interface TokenOptions {
  readonly roles?: unknown
  readonly header?: Record<string, unknown>
  readonly claims?: JWTPayload
  readonly issuer?: string
  readonly audience?: string
  /** Seconds since the epoch. */
  readonly expiresAt?: number
}

export async function signToken(keys: TestKeys, subject: string, options: TokenOptions = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1000)
  return new SignJWT({ ...(options.roles !== undefined && { roles: options.roles as string[] }), ...options.claims })
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: String(keys.publicJwk.kid), ...options.header })
    .setSubject(subject)
    .setIssuer(options.issuer ?? ISSUER)
    .setAudience(options.audience ?? AUDIENCE)
    .setIssuedAt(now)
    .setExpirationTime(options.expiresAt ?? now + 600)
    .sign(keys.privateKey)
}

/** What the mutations were called with, in order. */
export interface Call {
  readonly name: string
  readonly input: unknown
  readonly context: MutationContext
}

export const WORLD = {
  group: '11111111-1111-4111-8111-111111111111' as GroupId,
  otherGroup: '22222222-2222-4222-8222-222222222222' as GroupId,
  resource: '33333333-3333-4333-8333-333333333333' as ResourceId,
  hidden: '44444444-4444-4444-8444-444444444444' as ResourceId,
  absent: '55555555-5555-4555-8555-555555555555',
} as const

const T0 = new Date('2026-01-02T03:04:05.678Z')
const HIT: CacheStatus = { kind: 'hit', ttlSeconds: 812 }

/**
 * Group `team/core` holds maria (maintainer), rita (whose resource permission is `admin`), uma (`read`), will (`write`);
 * `team/other` holds nobody. `repo/one` is visible to them, `repo/hidden` to nobody.
 */
export function createWorld() {
  const users = new Map<string, User>()
  for (const id of ['uma', 'maria', 'rita', 'will', 'adam', 'cora'])
    users.set(id, { id: id as UserId, displayName: null, disabled: false, createdAt: T0, updatedAt: T0 })
  const group = (id: GroupId, name: string): Group => ({
    id,
    name,
    parentId: null,
    version: 3,
    createdAt: T0,
    updatedAt: T0,
  })
  const groups = [group(WORLD.group, 'team/core'), group(WORLD.otherGroup, 'team/other')]
  const resource = (id: ResourceId, name: string): Resource => ({
    ...EMPTY_CONTENT,
    id,
    name,
    kind: 'repository',
    version: 7,
    createdAt: T0,
    updatedAt: T0,
  })
  const resources = [resource(WORLD.resource, 'repo/one'), resource(WORLD.hidden, 'repo/hidden')]
  const held: Record<string, Permission> = { uma: 'read', maria: 'read', rita: 'admin', will: 'write' }
  const roles: Record<string, MembershipRole> = { uma: 'member', maria: 'maintainer', rita: 'member', will: 'member' }
  const calls: Call[] = []

  const find = <Item extends { id: string; name: string }>(items: readonly Item[], ref: Ref<string>) =>
    items.find((item) => ('id' in ref ? item.id === ref.id : item.name === ref.name)) ?? null
  const pageOf = <Item>(data: readonly Item[]): Page<Item> => ({ data, nextCursor: null })
  const permissionOf = (user: string, ref: Ref<ResourceId>): Permission | null =>
    find(resources, ref)?.id === WORLD.resource ? (held[user] ?? null) : null

  function mutation<T>(name: string, input: unknown, context: MutationContext, value: T): Promise<Mutated<T>> {
    calls.push({ name, input, context })
    return Promise.resolve({ value, consistencyToken: `token-${calls.length}` })
  }
  function required<T>(value: T | null): T {
    if (value === null) throw new DomainError('not-found', 'a message of the domain that clients must not see')
    return value
  }

  /** Every mutation of a group, resource or user that exists, answered with it. */
  function answeringTheSubject(): Mutations {
    const one =
      (name: string) =>
      async (
        input: { group?: Ref<GroupId>; resource?: Ref<ResourceId>; id?: UserId },
        context: MutationContext,
      ): Promise<Mutated<Group | Resource | User>> => {
        const subject = input.group
          ? find(groups, input.group)
          : input.resource
            ? find(resources, input.resource)
            : (users.get(input.id ?? '') ?? null)
        return mutation(name, input, context, required<Group | Resource | User>(subject))
      }
    return Object.fromEntries(Object.keys(declared).map((name) => [name, one(name)])) as unknown as Mutations
  }

  const scimUser = (id: string) => ({
    id: id as UserId,
    userName: id,
    active: true,
    profile: {},
    version: 'a1',
    groups: [{ id: WORLD.group, display: 'team/core' }],
    createdAt: T0,
    updatedAt: T0,
  })
  const scimGroup = ({ id, name }: Group) => ({
    id,
    displayName: name,
    version: 'b1',
    members: [{ id: 'uma', display: 'uma' }],
    createdAt: T0,
    updatedAt: T0,
  })

  const portcullis: Portcullis = {
    reads: {
      async visibleResources(user, query: ResourceQuery) {
        const permission = held[user]
        const visible = resources.filter(
          (item) =>
            item.id === WORLD.resource &&
            permission !== undefined &&
            (query.permission === undefined ||
              PERMISSIONS.indexOf(permission) >= PERMISSIONS.indexOf(query.permission)),
        )
        const body = Buffer.from(
          JSON.stringify({
            data: visible.map(({ createdAt: _, ...item }) => ({ ...item, permission })),
            nextCursor: null,
          }),
        )
        return {
          body,
          etag: `"${createHash('sha256').update(user).update(body).digest('hex').slice(0, 16)}"`,
          nextCursor: null,
          cache: HIT,
        }
      },
      async visibleResource(user, ref) {
        const permission = permissionOf(user, ref)
        const found = find(resources, ref)
        if (permission === null || found === null) return { resource: null, cache: HIT }
        return { resource: { ...found, permission, updatedAt: found.updatedAt.toISOString() }, cache: HIT }
      },
      checkToken: async () => {},
      resource: async (ref) => find(resources, ref),
      async effectiveGroups(user) {
        const role = roles[user]
        const own: EffectiveGroup[] =
          role === undefined
            ? []
            : [{ id: WORLD.group, name: 'team/core', parentId: null, via: 'direct', expiresAt: null, role }]
        return { groups: own, cache: HIT }
      },
      counts: async (user) => ({ groups: user in roles ? 1 : 0, resources: user in held ? 1 : 0, cache: HIT }),
      async explain(user, ref) {
        if (find(resources, ref) === null) return null
        const permission = permissionOf(user, ref)
        return {
          permission,
          expiresAt: null,
          paths:
            permission === null
              ? []
              : [{ groups: [{ id: WORLD.group, name: 'team/core' }], permission, expiresAt: null, wins: true }],
        }
      },
      access: async (ref) => (find(resources, ref) === null ? null : pageOf([])),
      user: async (id) => users.get(id) ?? null,
      users: async () => pageOf([...users.values()]),
      group: async (ref) => find(groups, ref),
      groups: async () => pageOf(groups),
      membersOf: async (ref) =>
        find(groups, ref) === null ? null : { ...pageOf([]), state: 'e3b0c44298fc1c149afbf4c8' },
      grantsOf: async (ref, { administeredBy }) =>
        find(groups, ref)?.id === WORLD.group && (administeredBy === undefined || held[administeredBy] === 'admin')
          ? {
              state: 'e3b0c44298fc1c149afbf4c8',
              ...pageOf([
                {
                  groupId: WORLD.group,
                  resourceId: WORLD.resource,
                  permission: 'read' as const,
                  expiresAt: null,
                  resourceName: 'repo/one',
                },
              ]),
            }
          : find(groups, ref) && { ...pageOf([]), state: 'e3b0c44298fc1c149afbf4c8' },
      roleIn: async (user, ref) => (find(groups, ref)?.id === WORLD.group ? (roles[user] ?? null) : null),
      permissionOn: async (user, ref) => permissionOf(user, ref),
      auditTrail: async () => pageOf([]),
    },
    access: {
      async decisions(questions) {
        const decisions = questions.map((question) => {
          const held = question && permissionOf(question.user, { name: question.resource.name })
          const decision =
            held !== null && PERMISSIONS.indexOf(held) >= PERMISSIONS.indexOf(question?.action as Permission)
          return { decision, until: null }
        })
        return { decisions, cache: HIT }
      },
      users: async () => ({ results: ['uma' as UserId], nextToken: null, cache: HIT }),
      resources: async () => ({ results: ['repo/one'], nextToken: null, cache: HIT }),
      actions: async () => ({ results: ['read'], nextToken: null, cache: HIT }),
      isDisabled: async (id) => users.get(id)?.disabled ?? false,
    },
    mutations: {
      ...answeringTheSubject(),
      createResource: (input, context) =>
        mutation('createResource', input, context, { ...required(resources[0] ?? null), ...input } as Resource),
      async updateResource(input, context) {
        const found = required(find(resources, input.resource))
        if (input.ifVersion !== undefined && input.ifVersion !== found.version)
          throw new DomainError('version-mismatch', 'changed')
        const { attributes = found.attributes, ...changes } = input.changes
        return mutation('updateResource', input, context, { ...found, ...changes, attributes: attributes ?? {} })
      },
      async putUser(input, context) {
        const found = users.get(input.id)
        const user = found ?? {
          id: input.id,
          displayName: input.displayName ?? null,
          disabled: false,
          createdAt: T0,
          updatedAt: T0,
        }
        return mutation('putUser', input, context, { user, created: found === undefined })
      },
      createGroup: (input, context) =>
        mutation('createGroup', input, context, { ...required(groups[0] ?? null), name: input.name }),
      async addUserToGroup(input, context) {
        const { id: groupId } = required(find(groups, input.group))
        if (!users.has(input.userId)) throw new DomainError('unknown-user', 'there is no such user')
        return mutation('addUserToGroup', input, context, {
          membership: { userId: input.userId, groupId, role: input.role ?? 'member', expiresAt: null },
          created: true,
        })
      },
      async replaceMembers(input, context) {
        required(find(groups, input.group))
        const value = { total: input.members.length, added: 0, changed: 0, removed: 0 }
        return mutation('replaceMembers', input, context, value)
      },
      async replaceGrants(input, context) {
        required(find(groups, input.group))
        const value = { total: input.grants.length, added: 0, changed: 0, removed: 0 }
        return mutation('replaceGrants', input, context, value)
      },
      async putGrant(input, context) {
        const { id: groupId } = required(find(groups, input.group))
        const { id: resourceId } = required(find(resources, input.resource))
        return mutation('putGrant', input, context, {
          grant: { groupId, resourceId, permission: input.permission, expiresAt: null },
          created: true,
        })
      },
      async createScimUser(input, context) {
        const user = { ...scimUser('uma'), ...input.attributes }
        return mutation('createScimUser', input, context, user)
      },
      async updateScimUser(input, context) {
        required(users.get(input.id) ?? null)
        return mutation('updateScimUser', input, context, scimUser(input.id))
      },
      createScimGroup: (input, context) =>
        mutation('createScimGroup', input, context, scimGroup(required(groups[0] ?? null))),
      async updateScimGroup(input, context) {
        const group = required(find(groups, { id: input.id }))
        return mutation('updateScimGroup', input, context, scimGroup(group))
      },
      importOrganisation(input, context) {
        const none = { total: 0, created: 0, updated: 0 }
        return mutation('importOrganisation', input, context, {
          users: none,
          groups: none,
          memberships: none,
          resources: none,
          grants: none,
          changed: false,
        })
      },
    },
    scim: {
      idSource: 'userName',
      user: async (id) => (users.has(id) ? scimUser(id) : null),
      users: async () => ({ total: 1, found: [scimUser('uma')] }),
      group: async (id) => {
        const found = find(groups, { id })
        return found && scimGroup(found)
      },
      groups: async () => ({ total: groups.length, found: groups.map(scimGroup) }),
    },
    changes: {
      async open() {
        const batches = [[{ id: 'here' }]]
        return { next: async () => batches.shift() ?? null, close: () => {} }
      },
      close: () => {},
    },
    cache: {
      status: async () => CACHE_STATUS,
      flush: (scope, options, context) =>
        mutation('flush', { scope, options }, context, {
          scope: scope.scope,
          dryRun: options.dryRun,
          keys: null,
          layers: [],
          store: 'flushed' as const,
        }),
      userEntries: async (user) => ({ user, store: 'available', entries: [] }),
      invalidations: async () => pageOf([]),
    },
  }
  return { portcullis, calls, users }
}

const CACHE_STATUS = {
  log: {
    trust: 'following',
    lagMs: 0,
    clock: { offsetMs: 0, uncertaintyMs: 0.5, jumps: 0 },
    rememberedTags: 0,
  },
  redis: { breaker: 'closed', awayMs: 0, connected: true, replicaReads: 'off', server: null, topology: null },
  database: { queued: 0, connections: 1, idle: 1, connectionsMax: 10 },
  requests: { boundsMs: [1], counts: [0, 0] },
  outages: { currentMs: 0, history: [] },
  catalogue: { resources: 0, whole: true },
  layers: {},
  bypasses: {},
}

export interface TestApp {
  readonly app: Express
  readonly portcullis: Portcullis
  readonly calls: Call[]
  readonly keys: TestKeys
  /** Everything logged, line by line. */
  readonly logged: string[]
  token(subject: string, options?: TokenOptions): Promise<string>
  /** The value of an Authorization header. */
  bearer(subject: string, options?: TokenOptions): Promise<string>
}

export interface TestAppOptions {
  readonly ready?: () => boolean
  readonly requestBudgetMs?: number
  readonly nowMs?: () => number
  readonly metricsPort?: number
  readonly serverTiming?: boolean
  readonly authentication?: Authentication
  readonly rateLimits?: RateLimits
  readonly corsOrigins?: readonly string[]
  /** `info` where absent. */
  readonly logLevel?: string
  readonly trustProxy?: number | string
  /** Changes the world before it is served. */
  readonly alter?: (portcullis: Portcullis) => Portcullis
}

export async function createTestApp(options: TestAppOptions = {}): Promise<TestApp> {
  const world = createWorld()
  const keys = await testKeys()
  const logged: string[] = []
  const logger = createLogger({
    level: options.logLevel ?? 'info',
    destination: { write: (line) => void logged.push(line) },
  })
  const portcullis = options.alter?.(world.portcullis) ?? world.portcullis
  const app = observed(
    createApp({
      portcullis,
      health: { ready: options.ready ?? (() => true), verbose: async () => ({ redis: 'up' }) },
      authentication:
        options.authentication ??
        createAuthentication({
          keys: createLocalJWKSet({ keys: [keys.publicJwk as { kty: string }] }),
          issuer: ISSUER,
          audience: AUDIENCE,
          algorithms: ['ES256', 'RS256', 'EdDSA'],
          rolesClaim: 'roles',
          nowMs: options.nowMs ?? Date.now,
        }),
      tickets: createTickets({ codec: createCursorCodec('a-secret-of-the-tests'), nowMs: options.nowMs ?? Date.now }),
      metrics: createMetrics(),
      logger,
      ...(options.rateLimits && { rateLimits: options.rateLimits }),
      http: {
        ...(options.corsOrigins && { corsOrigins: options.corsOrigins }),
        requestBudgetMs: options.requestBudgetMs ?? 5000,
        serverTiming: options.serverTiming ?? false,
        trustProxy: options.trustProxy ?? false,
        metricsPort: options.metricsPort,
      },
    }),
  )
  const token = (subject: string, given?: TokenOptions) => signToken(keys, subject, given)
  return {
    app,
    portcullis,
    calls: world.calls,
    keys,
    logged,
    token,
    bearer: async (subject, given) => `Bearer ${await token(subject, given)}`,
  }
}
