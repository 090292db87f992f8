/** Traces of the whole process, as a collector receives them: OTLP over HTTP, in a few lines. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { createTokenIssuer, type TokenIssuer } from '../../src/local/token-issuer.ts'
import { AUDIENCE, ISSUER } from '../support/app.ts'
import { freePort } from '../support/free-port.ts'
import { spawnService } from '../support/service-process.ts'
import { dropDatabase, freshDatabase } from '../support/stack.ts'

interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly attributes: readonly { key: string; value: Record<string, unknown> }[]
}

/** The receiver: JSON, one path. */
async function startCollector(onPort = 0) {
  const spans: Span[] = []
  let service: unknown
  const server = http.createServer(async (req, res) => {
    const chunks: Buffer[] = []
    for await (const chunk of req) chunks.push(chunk as Buffer)
    const { resourceSpans } = JSON.parse(Buffer.concat(chunks).toString())
    for (const { resource, scopeSpans } of resourceSpans) {
      service = Object.fromEntries(
        resource.attributes.map(({ key, value }: Span['attributes'][0]) => [key, Object.values(value)[0]]),
      )
      for (const scope of scopeSpans) spans.push(...scope.spans)
    }
    res.setHeader('content-type', 'application/json').end('{}')
  })
  await once(server.listen(onPort, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  return { spans, service: () => service, endpoint: `http://127.0.0.1:${port}`, close: () => server.close() }
}

type Collector = Awaited<ReturnType<typeof startCollector>>

/** An issuer of a few lines: what it was asked, with which `traceparent`. */
async function startKeySet() {
  const asked: [string | undefined, string | string[] | undefined][] = []
  let keys: { kid: string; pair: Awaited<ReturnType<typeof generateKeyPair>> }
  let issuer = ''
  const server = http.createServer(async ({ url, headers }, res) => {
    asked.push([url, headers.traceparent])
    const { kid, pair } = keys
    const body =
      url === '/keys'
        ? { keys: [{ ...(await exportJWK(pair.publicKey)), kid, alg: 'ES256' }] }
        : { issuer, jwks_uri: `${issuer}/keys` }
    res.setHeader('content-type', 'application/json').end(JSON.stringify(body))
  })
  const rotate = async () => {
    keys = { kid: id(4), pair: await generateKeyPair('ES256') }
  }
  await rotate()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  onTestFinished(() => void server.close())
  const token = () =>
    new SignJWT({ sub: 'ann', roles: ['admin'] })
      .setProtectedHeader({ alg: 'ES256', kid: keys.kid })
      .setIssuer(issuer)
      .setAudience(AUDIENCE)
      .setIssuedAt()
      .setExpirationTime('10m')
      .sign(keys.pair.privateKey)
  return { issuer, asked, rotate, token }
}

let folder: string
let databaseUrl: string
let issuer: TokenIssuer
let collector: Collector
const closing: (() => Promise<unknown>)[] = []

async function startService(environment: Readonly<Record<string, string>>) {
  const service = await spawnService({
    DATABASE_URL: databaseUrl,
    JWT_ISSUER: ISSUER,
    JWT_AUDIENCE: AUDIENCE,
    JWT_PUBLIC_KEY_FILE: issuer.publicKeyFile,
    ...environment,
  })
  closing.push(() => service.stop())
  await service.ready()
  const { url } = service
  const bearer = `Bearer ${await issuer.issue({ subject: 'ann', roles: ['admin'], ttlSeconds: 600 })}`
  const ask = (where: string, headers: Record<string, string> = {}, init: RequestInit = {}) =>
    fetch(url + where, { ...init, headers: { authorization: bearer, ...headers } })
  return { ...service, ask }
}

/** As OTLP numbers them. */
const KIND = { server: 2, client: 3 }
const id = (bytes: number) => randomBytes(bytes).toString('hex')
const said = (span: Span | undefined) =>
  Object.fromEntries(
    (span?.attributes ?? []).map(({ key, value: { intValue, ...rest } }) => [
      key,
      intValue === undefined ? Object.values(rest)[0] : Number(intValue),
    ]),
  )
const attribute = (span: Span | undefined, key: string) =>
  Object.values(span?.attributes.find((one) => one.key === key)?.value ?? {})[0]

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'portcullis-tracing-'))
  databaseUrl = await freshDatabase()
  issuer = await createTokenIssuer({ keysDir: folder, issuer: ISSUER, audience: AUDIENCE })
  collector = await startCollector()
})
afterAll(async () => {
  for (const close of closing) await close()
  collector.close()
  rmSync(folder, { recursive: true, force: true })
  await dropDatabase(databaseUrl)
})

describe('with an OTLP endpoint', () => {
  const on = () => ({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint, OTEL_BSP_SCHEDULE_DELAY: '100' })
  let service: Awaited<ReturnType<typeof startService>>
  beforeAll(async () => {
    service = await startService(on())
  })

  const spansOf = async (trace: string, named: string): Promise<Span[]> => {
    await expect
      .poll(() => collector.spans.filter(({ traceId }) => traceId === trace).map(({ name }) => name), {
        timeout: 10_000,
      })
      .toContain(named)
    return collector.spans.filter(({ traceId }) => traceId === trace)
  }

  it('a read is one trace of its caller, from the request over cache, load and SQL', async () => {
    const trace = id(16)
    const parent = id(8)
    await service.ask('/users/ann', {}, {
      method: 'PUT',
      body: '{}',
      headers: { 'content-type': 'application/json' },
    } as RequestInit)
    const answer = await service.ask('/resources', { traceparent: `00-${trace}-${parent}-01` })
    expect(answer.status).toBe(200)
    const spans = await spansOf(trace, 'GET /resources')
    const server = spans.find(({ name }) => name === 'GET /resources')
    expect(server?.parentSpanId).toBe(parent)
    expect(said(server)).toMatchObject({
      'http.request.method': 'GET',
      'http.response.status_code': 200,
      'http.route': '/resources',
      'url.path': '/resources',
      'url.scheme': 'http',
      'server.address': '127.0.0.1',
    })
    const byKind = (system: string) =>
      spans.filter((span) => span.kind === KIND.client && attribute(span, 'db.system.name') === system)
    const sql = byKind('postgresql').find((span) => attribute(span, 'db.query.text') !== undefined)
    expect(said(sql)).toMatchObject({
      'db.namespace': expect.any(String),
      'db.query.text': expect.stringMatching(/^\s*(SELECT|WITH)/),
    })
    const { 'db.namespace': database, 'db.query.summary': summary } = said(sql)
    expect(sql?.name).toBe(summary ?? `WITH ${database}`)
    // The command, and none of its keys and values: entries are what users may see.
    for (const span of byKind('redis'))
      expect([span.name, attribute(span, 'db.query.text')]).toEqual([span.name, span.name])
    const names = spans.map(({ name }) => name)
    for (const expected of [/^cache open$/, /^cache fill$/, /^load effectiveGroups$/, /^log readSince$/, /^evalsha$/i])
      expect(names).toContainEqual(expect.stringMatching(expected))
    // Everything hangs together, under the request.
    const known = new Set(spans.map(({ spanId }) => spanId))
    for (const span of spans)
      if (span !== server) expect([span.name, known.has(span.parentSpanId ?? '')]).toEqual([span.name, true])
    expect(collector.service()).toMatchObject({ 'service.name': 'portcullis' })
  })

  it('log lines, problem documents and the exemplars of the latency name the trace', async () => {
    const trace = id(16)
    const answer = await service.ask(`/resources/${id(16)}`, { traceparent: `00-${trace}-${id(8)}-01` })
    expect(await answer.json()).toMatchObject({ status: expect.any(Number), traceId: trace })
    await expect
      .poll(() =>
        service
          .said()
          .split('\n')
          .filter((line) => line.includes(trace))
          .map((line) => JSON.parse(line).msg),
      )
      .toContain('request completed')
    // With a body that is waited for, too.
    const other = id(16)
    await service.ask(
      '/users/bea',
      { traceparent: `00-${other}-${id(8)}-01`, 'content-type': 'application/json' },
      { method: 'PUT', body: '{}' },
    )
    await expect
      .poll(() =>
        service
          .said()
          .split('\n')
          .filter((line) => line.includes(other)),
      )
      .toHaveLength(1)
    const metrics = await service.ask('/metrics')
    expect(metrics.headers.get('content-type')).toContain('application/openmetrics-text')
    const body = await metrics.text()
    expect(body).toMatch(
      new RegExp(`^portcullis_http_request_duration_seconds_bucket.* # \\{trace_id="${trace}"\\} [\\d.e-]+ \\d+`, 'm'),
    )
    expect(body.endsWith('# EOF\n')).toBe(true)
  })

  it('a read by SQL is one trace too', async () => {
    const trace = id(16)
    await service.ask('/resources', { traceparent: `00-${trace}-${id(8)}-01`, 'cache-control': 'no-cache' })
    const names = (await spansOf(trace, 'GET /resources')).map(({ name }) => name)
    expect(names).toContain('load visible')
    expect(names).toContainEqual(expect.stringMatching(/^(SELECT|WITH) \w+$/))
  })

  it('no span has the query of a request, in which filters, cursors and tickets are', async () => {
    const trace = id(16)
    await service.ask('/resources?limit=5&q=secret-filter', { traceparent: `00-${trace}-${id(8)}-01` })
    expect(JSON.stringify(await spansOf(trace, 'GET /resources'))).not.toContain('secret-filter')
  })

  it('the question for a key set goes out under the request that needs the key', async () => {
    const keySet = await startKeySet()
    const other = await startService({ ...on(), JWT_ISSUER: keySet.issuer, JWT_PUBLIC_KEY_FILE: '' })
    await keySet.rotate()
    const trace = id(16)
    const authorization = `Bearer ${await keySet.token()}`
    const answer = await other.ask('/me', { authorization, traceparent: `00-${trace}-${id(8)}-01` })
    expect(answer.status).toBe(200)
    const spans = await spansOf(trace, 'GET /me')
    for (const where of ['/.well-known/openid-configuration', '/keys']) {
      const client = spans.find((span) => span.kind === KIND.client && attribute(span, 'url.path') === where)
      expect(said(client)).toMatchObject({
        'http.request.method': 'GET',
        'http.response.status_code': 200,
        'server.address': '127.0.0.1',
      })
      expect(keySet.asked).toContainEqual([where, `00-${trace}-${client?.spanId}-01`])
    }
    // At the start nobody had asked.
    expect(keySet.asked).toContainEqual(['/keys', undefined])
  })

  it('OTEL_TRACES_SAMPLER decides, by the id of the trace where it is told to', async () => {
    const half = await startService({ ...on(), OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.5' })
    const isSampled = async (traceparent?: string) => {
      const answer = await half.ask(`/resources/${id(16)}`, traceparent === undefined ? {} : { traceparent })
      return 'traceId' in ((await answer.json()) as object)
    }
    const [low, high] = ['0'.repeat(31) + 1, 'f'.repeat(8) + '0'.repeat(24)]
    expect(await isSampled(`00-${low}-${id(8)}-00`)).toBe(true)
    expect(await isSampled(`00-${high}-${id(8)}-01`)).toBe(false)
    const begun = await Promise.all(Array.from({ length: 100 }, () => isSampled()))
    expect(begun.filter(Boolean).length).toBeGreaterThan(20)
    expect(begun.filter(Boolean).length).toBeLessThan(80)
    // Unreadable: as if there were none.
    expect(await Promise.all(Array.from({ length: 40 }, () => isSampled('ff-x')))).toContain(true)
  })

  it('what the caller does not sample is not sampled, and probes and polls make no traces', async () => {
    const trace = id(16)
    const answer = await service.ask(`/resources/${id(16)}`, { traceparent: `00-${trace}-${id(8)}-00` })
    expect(await answer.json()).not.toHaveProperty('traceId')
    const sampled = id(16)
    await service.ask('/me', { traceparent: `00-${sampled}-${id(8)}-01` })
    await spansOf(sampled, 'GET /me')
    expect(collector.spans.filter(({ traceId }) => traceId === trace)).toEqual([])
    const roots = collector.spans.filter(({ parentSpanId }) => !parentSpanId).map(({ name }) => name)
    expect(roots.filter((name) => !/^(GET|PUT) \//.test(name) || /livez|readyz|metrics/.test(name))).toEqual([])
  })

  it('the last spans are sent before the process ends', async () => {
    const slow = await startService({ ...on(), OTEL_BSP_SCHEDULE_DELAY: '60000' })
    const trace = id(16)
    await slow.ask('/me', { traceparent: `00-${trace}-${id(8)}-01` })
    slow.child.kill('SIGTERM')
    await slow.exited
    expect(collector.spans.filter(({ traceId }) => traceId === trace).map(({ name }) => name)).toContain('GET /me')
  })

  it('a collector that is away costs nobody an answer, and the log says so until it is back', async () => {
    const port = await freePort()
    const alone = await startService({
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      OTEL_EXPORTER_OTLP_TIMEOUT: '300',
      OTEL_BSP_SCHEDULE_DELAY: '50',
    })
    for (let i = 0; i < 20; i++) expect((await alone.ask('/me')).status).toBe(200)
    const times = (text: string) => alone.said().split(text).length - 1
    await expect.poll(() => times('traces cannot be sent'), { timeout: 10_000 }).toBe(1)
    const late = await startCollector(port)
    onTestFinished(() => void late.close())
    await expect
      .poll(async () => (await alone.ask('/me')) && times('traces are sent again'), { timeout: 10_000 })
      .toBe(1)
    expect(times('traces cannot be sent')).toBe(1)
  })
})

/** Names every file that the process loads, by `import` or `require`, and at its end whether servers were wrapped. */
const LISTING_MODULES = `
import { writeSync } from 'node:fs'
import { EventEmitter } from 'node:events'
import { Server } from 'node:http'
import { registerHooks } from 'node:module'
registerHooks({ load(url, context, next) { writeSync(2, 'loaded ' + url + '\\n'); return next(url, context) } })
process.on('exit', () => writeSync(2, 'servers ' + (Server.prototype.emit === EventEmitter.prototype.emit ? 'as they are' : 'wrapped') + '\\n'))
`

async function modulesOf(environment: Readonly<Record<string, string>>) {
  const preload = `--import=data:text/javascript,${encodeURIComponent(LISTING_MODULES)}`
  const service = await startService({ ...environment, NODE_OPTIONS: preload })
  const problem = await service.ask(`/resources/${id(16)}`, { traceparent: `00-${id(16)}-${id(8)}-01` })
  const metrics = await service.ask('/metrics')
  await service.stop('SIGTERM')
  const loaded = [...service.said().matchAll(/^loaded (.*)$/gm)].map(([, url = '']) => url)
  const packages = loaded.flatMap((url) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? [])
  return {
    problem: await problem.json(),
    format: metrics.headers.get('content-type'),
    packages: new Set(packages),
    servers: /^servers (.*)$/m.exec(service.said())?.[1],
  }
}

describe('without one', () => {
  it('nothing of OpenTelemetry is loaded, nothing is wrapped, and answers say nothing of traces', async () => {
    const { problem, format, packages, servers } = await modulesOf({})
    expect(problem).not.toHaveProperty('traceId')
    expect(format).toContain('text/plain')
    for (const used of ['express', 'ioredis', 'pg', 'pino']) expect(packages).toContain(used)
    const ofTracing = [...packages].filter((name) => /opentelemetry|in-the-middle/.test(name))
    // prom-client and Prisma have the interface, which does nothing by itself.
    expect(ofTracing.filter((name) => name !== '@opentelemetry/api')).toEqual([])
    expect(servers).toBe('as they are')
  })

  it('the same list shows what an endpoint loads and wraps', async () => {
    const { packages, servers } = await modulesOf({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint })
    expect(packages).toContain('@opentelemetry/sdk-trace')
    expect(servers).toBe('wrapped')
  })
})
