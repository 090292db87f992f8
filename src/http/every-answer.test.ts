/** Every call gives every answer that is documented for it, and test/support/observed.ts judges each as it leaves. */
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { slowBodyOf } from '../../test/security/raw-http.ts'
import { createTestApp, type TestApp, type TestAppOptions } from '../../test/support/app.ts'
import { CALLERS, CALLS_BY_ROLE, type CallByRole, ROLES, type Role } from '../../test/support/calls-by-role.ts'
import { openJudged } from '../../test/support/judged-raw.ts'
import { documentServed } from '../../test/support/observed.ts'
import { type Served, serve } from '../../test/support/served.ts'
import type { Portcullis } from '../domain/api.ts'
import { DomainError, type DomainErrorCode } from '../domain/errors.ts'
import { refusalsOf } from './openapi.ts'
import { HttpError, PROBLEMS, type ProblemCode } from './problem.ts'
import { apiRoutes } from './routes/index.ts'

/** Of the application whose requests are to reach their deadline. The others keep theirs: inflating a few megabytes takes this long on a busy machine. */
const SHORT_BUDGET_MS = 300
/** An import may take minutes to arrive, so the connection's own limit ends it first. */
const NOT_WAITED_FOR = new Set(['POST /import 408'])

interface World {
  readonly app: TestApp
  readonly served: Served
}
const worlds: Served[] = []
async function world(options: TestAppOptions = {}): Promise<World> {
  const app = await createTestApp(options)
  const served = await serve(app.app)
  worlds.push(served)
  return { app, served }
}
afterAll(() => Promise.all(worlds.map(({ close }) => close())))

/** Each function of the domain replaced by what `wrap` makes of it. */
function everywhere(
  portcullis: Portcullis,
  wrap: (inner: (...given: never[]) => unknown) => (...given: never[]) => unknown,
): Portcullis {
  const parts = Object.entries(portcullis).map(([part, functions]) => [
    part,
    Object.fromEntries(
      Object.entries(functions as object).map(([name, inner]) => [name, name === 'close' ? inner : wrap(inner)]),
    ),
  ])
  return Object.fromEntries(parts) as Portcullis
}
const failing = (error: () => Error) =>
  world({ alter: (portcullis) => everywhere(portcullis, () => () => Promise.reject(error())) })

const routeOf = ({ route }: CallByRole) => {
  const found = apiRoutes.find(({ method, path }) => `${method.toUpperCase()} ${path}` === route)
  if (found === undefined) throw new Error(`${route} is not declared`)
  return found
}
const roleWith = ({ expected }: CallByRole, wanted: (status: number) => boolean): Role => {
  const role = ROLES.find((_, column) => wanted(expected[column] ?? 0))
  if (role === undefined) throw new Error('no role is answered so')
  return role
}

describe('every documented answer', () => {
  let plain: World
  let briefBudget: World
  let limited: World
  let repeated: World
  const failingWith = new Map<string, World>()

  beforeAll(async () => {
    plain = await world()
    briefBudget = await world({ requestBudgetMs: SHORT_BUDGET_MS })
    const refusal = new HttpError('too-many-requests', 'later', { headers: { 'Retry-After': '7' } })
    limited = await world({ rateLimits: { count: () => ({ headers: ['RateLimit', '"x";r=0;t=7'], refusal }) } })
    repeated = await world({
      alter: (portcullis) =>
        everywhere(portcullis, (inner) => async (...given) => {
          const outcome = (await inner(...given)) as { value?: { created?: boolean } | null } | null
          return outcome?.value?.created ? { ...outcome, value: { ...outcome.value, created: false } } : outcome
        }),
    })
    failingWith.set('internal', await failing(() => new Error('SELECT secret')))
    const codes = new Set(apiRoutes.flatMap((route) => [...refusalsOf(route)]))
    for (const code of codes)
      failingWith.set(code, await failing(() => new DomainError(code as DomainErrorCode, 'said')))
    const dangling = { problems: [{ path: '/grants/0/group', message: 'does not exist' }] }
    failingWith.set('dangling', await failing(() => new DomainError('unknown-group', 'said', dangling)))
  }, 60_000)

  interface Changed {
    readonly headers?: Record<string, string>
    readonly body?: string | Buffer
    readonly query?: string
  }

  async function statusOf({ app, served }: World, row: CallByRole, role: Role, changed: Changed = {}): Promise<number> {
    const [method = '', path = ''] = row.call.split(' ')
    const body = changed.body ?? (row.body === undefined ? undefined : JSON.stringify(row.body))
    const headers = {
      ...(role !== 'anonymous' && { authorization: await app.bearer(CALLERS[role].subject, CALLERS[role]) }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...changed.headers,
    }
    const sent = { method, path: path + (changed.query ?? ''), headers, ...(body !== undefined && { body }) }
    const answer = await served.send(sent)
    if (answer.status === 503) expect(Number(answer.headers['retry-after'])).toBeGreaterThanOrEqual(1)
    return answer.status
  }

  async function rawStatus({ app, served }: World, row: CallByRole, first: (head: string) => string): Promise<number> {
    const [method, path] = row.call.split(' ')
    const role = roleWith(row, (status) => status < 300)
    const token = role === 'anonymous' ? '' : await app.bearer(CALLERS[role].subject, CALLERS[role])
    const exchange = openJudged(
      served.port,
      first(`${method} ${path} HTTP/1.1\r\nHost: t\r\nAuthorization: ${token}\r\n`),
    )
    const status = await exchange.status
    exchange.socket.destroy()
    return status ?? 0
  }

  /** How to cause each refusal that does not come from the domain. */
  const PROVOKED: Partial<Record<ProblemCode, (row: CallByRole, role: Role) => Promise<number>>> = {
    unauthenticated: (row) => statusOf(plain, row, 'anonymous'),
    forbidden: (row) =>
      statusOf(
        plain,
        row,
        roleWith(row, (status) => status === 403),
      ),
    // SCIM ignores what it does not know.
    'invalid-input': (row, role) =>
      statusOf(plain, row, role, { query: routeOf(row).refusesAs ? '?nonsense=1&nonsense=2' : '?nonsense=1' }),
    'not-acceptable': (row, role) => statusOf(plain, row, role, { headers: { accept: 'image/png' } }),
    'too-many-requests': (row, role) => statusOf(limited, row, role),
    'headers-too-large': (row) => rawStatus(plain, row, (head) => `${head}X-Large: ${'x'.repeat(17_000)}\r\n\r\n`),
    'payload-too-large': (row, role) => {
      const body = gzipSync(Buffer.alloc((routeOf(row).bodyLimitBytes ?? 1024 * 1024) + 1, ' '))
      return statusOf(plain, row, role, { body, headers: { 'content-encoding': 'gzip' } })
    },
    'unsupported-media-type': (row, role) =>
      statusOf(plain, row, role, {
        body: 'x',
        // Where another type is a malformed request, another coding still is not.
        headers: routeOf(row).otherMediaTypes ? { 'content-encoding': 'rot13' } : { 'content-type': 'text/csv' },
      }),
    'request-timeout': (row) => rawStatus(briefBudget, row, slowBodyOf),
  }

  it.each(CALLS_BY_ROLE.map((row) => [row.route, row] as const))('%s', async (name, row) => {
    const route = routeOf(row)
    const role = roleWith(row, (status) => status < 300)
    const reached = new Set([await statusOf(plain, row, role), await statusOf(repeated, row, role)])
    if (route.answers.some(({ headers }) => headers?.includes('ETag')) && route.method === 'get')
      reached.add(await statusOf(plain, row, role, { headers: { 'if-none-match': '*' } }))
    // A PATCH of SCIM that says nothing otherwise shows the attributes that are asked for.
    if (route.refusesAs === 'scim' && route.method === 'patch')
      reached.add(await statusOf(plain, row, role, { query: '?attributes=id' }))
    for (const code of refusalsOf(route)) {
      if (NOT_WAITED_FOR.has(`${name} ${PROBLEMS[code].status}`)) continue
      const failed = failingWith.get(code)
      const status = await (PROVOKED[code]?.(row, role) ?? (failed && statusOf(failed, row, role)))
      expect([code, status]).toEqual([code, PROBLEMS[code].status])
      reached.add(status ?? 0)
      // What the body refers to, unlike what the path names, makes the body wrong.
      const dangling = failingWith.get('dangling')
      if (code.startsWith('unknown-') && route.body !== undefined && dangling)
        reached.add(await statusOf(dangling, row, role))
    }
    const path = route.path.replace(/:(\w+)/g, '{$1}')
    const documented = Object.keys(documentServed().paths[path]?.[route.method]?.responses ?? {}).map(Number)
    expect([...reached].sort()).toEqual(documented.filter((status) => !NOT_WAITED_FOR.has(`${name} ${status}`)).sort())
  })
})

describe('what needs no token', () => {
  it.each(['/livez', '/readyz', '/metrics', '/openapi.json', '/docs'])(
    '%s answers, and refuses what it does not know',
    async (path) => {
      const { served } = await world()
      expect((await served.send({ path })).status).toBe(200)
      expect((await served.send({ path: `${path}?nonsense=1` })).status).toBe(400)
      expect((await served.send({ path, headers: { accept: 'image/png' } })).status).toBe(406)
      expect((await served.send({ path, method: 'POST' })).status).toBe(405)
      const { served: starting } = await world({ ready: () => false })
      expect((await starting.send({ path })).status).toBe(path === '/readyz' ? 503 : 200)
    },
  )
})
