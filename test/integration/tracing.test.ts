/** Traces of the whole process, as a collector receives them: OTLP over HTTP, in a few lines. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTokenIssuer, type TokenIssuer } from '../../src/local/token-issuer.ts'
import { AUDIENCE, ISSUER } from '../support/app.ts'
import { spawnService } from '../support/service-process.ts'
import { dropDatabase, freshDatabase } from '../support/stack.ts'

interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly attributes: readonly { key: string; value: Record<string, unknown> }[]
}

/** The receiver: JSON, one path. */
async function startCollector() {
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
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  return { spans, service: () => service, endpoint: `http://127.0.0.1:${port}`, close: () => server.close() }
}

type Collector = Awaited<ReturnType<typeof startCollector>>

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

const id = (bytes: number) => randomBytes(bytes).toString('hex')
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
    expect(attribute(server, 'http.route')).toBe('/resources')
    const names = spans.map(({ name }) => name)
    for (const expected of [
      /^cache open$/,
      /^cache fill$/,
      /^load effectiveGroups$/,
      /^log readSince$/,
      /^pg|SELECT/i,
      /^evalsha$/i,
    ])
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
    const metrics = await service.ask('/metrics')
    expect(metrics.headers.get('content-type')).toContain('application/openmetrics-text')
    const body = await metrics.text()
    expect(body).toMatch(
      new RegExp(`^portcullis_http_request_duration_seconds_bucket.* # \\{trace_id="${trace}"\\} [\\d.e-]+ \\d+`, 'm'),
    )
    expect(body.endsWith('# EOF\n')).toBe(true)
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

  it('a collector that is away costs nobody an answer', async () => {
    const alone = await startService({
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
      OTEL_BSP_SCHEDULE_DELAY: '50',
    })
    for (let i = 0; i < 20; i++) expect((await alone.ask('/me')).status).toBe(200)
  })
})

describe('without one', () => {
  it('nothing of OpenTelemetry is loaded, nothing is wrapped, and answers say nothing of traces', async () => {
    const service = await startService({ NODE_DEBUG: 'module', NODE_OPTIONS: '' })
    const problem = await service.ask(`/resources/${id(16)}`, { traceparent: `00-${id(16)}-${id(8)}-01` })
    expect(await problem.json()).not.toHaveProperty('traceId')
    expect((await service.ask('/metrics')).headers.get('content-type')).toContain('text/plain')
    const loaded = [...service.said().matchAll(/@opentelemetry\/([\w-]+)/g)].map(([, name]) => name)
    expect(service.said()).toContain('node_modules/ioredis/')
    // prom-client and Prisma have the interface, which does nothing by itself.
    expect(loaded.filter((name) => name !== 'api')).toEqual([])
  })
})
