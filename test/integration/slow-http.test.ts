/** Slow, too large or unreadable requests are refused with the reason; well-behaved clients are served meanwhile. */
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Answer } from '../security/http-client.ts'
import { drip, SLOW_HEADERS, slowBody } from '../security/raw-http.ts'
import { type ServedFleet, type ServedInstance, serveFleet } from '../security/served-fleet.ts'
import { openJudged } from '../support/judged-raw.ts'
import { asRoot, smallOrganisation } from '../support/service.ts'
import { dropDatabase, freshDatabase, redisEnvironment } from '../support/stack.ts'

const REQUEST_BUDGET_MS = 2000
const SLOW_EACH = 100

let databaseUrl: string
let fleet: ServedFleet
let instance: ServedInstance
let authorization: string

beforeAll(async () => {
  databaseUrl = await freshDatabase()
  fleet = await serveFleet({ databaseUrl, redis: redisEnvironment(), count: 1, requestBudgetMs: REQUEST_BUDGET_MS })
  instance = fleet.instances[0]!
  // The same limits, sooner: nobody has to watch a test wait for ten seconds.
  instance.server.headersTimeout = 500
  await instance.portcullis.mutations.importOrganisation(smallOrganisation, asRoot)
  authorization = await fleet.authorization('root', { roles: ['admin'] })
})
afterAll(async () => {
  await fleet?.close()
  await dropDatabase(databaseUrl)
})

async function post(body: string | Buffer, headers: Record<string, string> = {}, path = '/groups'): Promise<Answer> {
  const json = { authorization, 'content-type': 'application/json' }
  return instance.client.send({ method: 'POST', path, headers: { ...json, ...headers }, body })
}

const groupsNamed = async (name: string): Promise<number> => {
  const path = `/groups?q=${encodeURIComponent(name)}`
  const answer = await instance.client.send({ method: 'GET', path, headers: { authorization } })
  return JSON.parse(answer.text).data.length
}

describe('slow clients', () => {
  it('are ended with 408, hundreds of them, while another is served', { timeout: 30_000 }, async () => {
    const slow = Array.from({ length: SLOW_EACH }, () => [
      openJudged(instance.port, SLOW_HEADERS),
      openJudged(instance.port, slowBody(authorization)),
    ]).flat()
    for (const each of slow) drip(each, 100)
    const ben = await fleet.authorization('ben')
    for (let round = 0; round < 50; round++)
      expect(
        (await instance.client.send({ method: 'GET', path: '/resources', headers: { authorization: ben } })).status,
      ).toBe(200)
    const statuses = await Promise.all(slow.map(({ status }) => status))
    expect(statuses.filter((status) => status === 408)).toHaveLength(2 * SLOW_EACH)
    for (const each of slow) await each.closed
  })

  it('change nothing when the rest of their body comes after all', async () => {
    const whole = JSON.stringify({ name: 'too late' })
    const late = openJudged(
      instance.port,
      slowBody(authorization, whole.length).replace('{"name":"', whole.slice(0, -1)),
    )
    expect(await late.status).toBe(408)
    late.socket.write('}')
    await late.closed
    expect(await groupsNamed('too late')).toBe(0)
  })
})

describe('too much', () => {
  it('of headers is 431', async () => {
    const header = openJudged(
      instance.port,
      `GET /livez HTTP/1.1\r\nHost: test\r\nX-Big: ${'a'.repeat(20_000)}\r\n\r\n`,
    )
    expect(await header.status).toBe(431)
    const path = openJudged(instance.port, `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: test\r\n\r\n`)
    expect(await path.status).toBe(431)
    expect(await header.closed).toContain('urn:portcullis:problem:headers-too-large')
  })

  it('of a body is 413, announced, chunked or unpacked', async () => {
    const big = JSON.stringify({ name: 'a'.repeat(1024 * 1024) })
    expect((await post(big)).status).toBe(413)
    const chunked = `POST /groups HTTP/1.1\r\nHost: test\r\nAuthorization: ${authorization}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`
    const chunk = `${big.length.toString(16)}\r\n${big}\r\n`
    const stream = openJudged(instance.port, `${chunked}${chunk}0\r\n\r\n`)
    expect(await stream.status).toBe(413)
    stream.socket.destroy()
    // Told as soon as it is too much, also where the body never ends.
    const endless = openJudged(instance.port, `${chunked}${chunk}`)
    expect(await endless.status).toBe(413)
    await endless.closed
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024, 0x20))
    expect(bomb.length).toBeLessThan(100_000)
    expect((await post(bomb, { 'content-encoding': 'gzip' })).status).toBe(413)
  })

  it('of nesting is 400, also where it would not fit a stack', async () => {
    for (const depth of [33, 1000, 500_000]) {
      const body = `{"name":"deep","kind":"k","attributes":{"a":${'['.repeat(depth)}${']'.repeat(depth)}}}`
      expect((await post(body, {}, '/resources')).status).toBe(400)
    }
    expect((await post('['.repeat(900_000))).status).toBe(400)
  })
})

describe('requests that two servers would read differently', () => {
  it.each([
    ['two lengths', 'Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}'],
    ['a length and chunks', 'Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['an unknown transfer coding', 'Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n'],
    ['a folded header', 'X-A: b\r\n c: d\r\nContent-Length: 2\r\n\r\n{}'],
    ['a space before the colon', 'Content-Length : 2\r\n\r\n{}'],
    ['a negative length', 'Content-Length: -1\r\n\r\n'],
    ['a line break of its own', 'X-A: b\rX-B: c\r\nContent-Length: 2\r\n\r\n{}'],
  ])('are refused: %s', async (_, rest) => {
    const head = `POST /groups HTTP/1.1\r\nHost: test\r\nAuthorization: ${authorization}\r\nContent-Type: application/json\r\n`
    const exchange = openJudged(instance.port, head + rest)
    expect(await exchange.status).toBe(400)
    await exchange.closed
  })

  it('are refused: no host, another protocol', async () => {
    for (const request of [
      'GET /livez HTTP/1.1\r\n\r\n',
      'GET /livez HTTP/9.9\r\nHost: a\r\n\r\n',
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
      '\u0016\u0003\u0001\u0002\u0000',
    ])
      expect([request, await openJudged(instance.port, request).status]).toEqual([request, 400])
  })
})
