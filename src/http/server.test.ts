import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'
import express from 'express'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openRaw } from '../../test/security/raw-http.ts'
import { createTestApp } from '../../test/support/app.ts'
import { openJudged } from '../../test/support/judged-raw.ts'
import { served } from '../../test/support/served.ts'
import { closeServer, createServer, listen, stopKeepingAlive } from './server.ts'

/** Everything the server says until it closes the connection. */
const raw = (port: number, text: string): Promise<string> => openJudged(port, text).closed

const hasIpv6 = () => Object.values(networkInterfaces()).some((all) => all?.some(({ family }) => family === 'IPv6'))

const codedPost = (coding: string) =>
  `POST /groups HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: ${coding}\r\n\r\n2\r\n{}\r\n0\r\n\r\n`

describe('the server', () => {
  it('makes requests and responses with the prototypes that Express would set', async () => {
    const app = express()
    const seen: boolean[] = []
    app.use((req, res) => {
      seen.push(Object.getPrototypeOf(req) === app.request, Object.getPrototypeOf(res) === app.response)
      res.json({ path: req.path, type: res.get('x') ?? null })
    })
    const before: unknown[] = []
    const server = createServer(app)
    server.prependListener('request', (req, res) => {
      before.push(Object.getPrototypeOf(req), Object.getPrototypeOf(res))
    })
    await listen(server, { host: '127.0.0.1', port: 0 })
    onTestFinished(() => closeServer(server))
    const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/a`, {
      headers: { connection: 'close' },
    })
    expect(await answer.json()).toEqual({ path: '/a', type: null })
    expect(seen).toEqual([true, true])
    expect(before[0], 'the prototypes were right before Express touched them').toBe(app.request)
    expect(before[1]).toBe(app.response)
  })

  it('refuses headers above 16 KiB with a problem', async () => {
    const { port } = await served((await createTestApp()).app)
    const said = await raw(port, `GET /livez HTTP/1.1\r\nHost: x\r\nX-Large: ${'x'.repeat(17_000)}\r\n\r\n`)
    expect(said).toMatch(/^HTTP\/1\.1 431 /)
    expect(said).toContain('urn:portcullis:problem:headers-too-large')
  })

  it.each([
    ['no HTTP at all', '\u0016\u0003\u0001\u0002\r\n\r\n'],
    ['two lengths', 'POST /groups HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
    [
      'a length and chunks',
      'POST /groups HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['a line break inside a header', 'GET /livez HTTP/1.1\r\nHost: x\r\nX: a\rb\r\n\r\n'],
    ['a space before the colon', 'GET /livez HTTP/1.1\r\nHost : x\r\n\r\n'],
    ['two hosts', 'GET /livez HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n'],
    ['the same host twice', 'GET /livez HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n'],
    ['two hosts in HTTP/1.0', 'GET /livez HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n'],
    ['a host with a space', 'GET /livez HTTP/1.1\r\nHost: x y\r\n\r\n'],
    ['a host with a path', 'GET /livez HTTP/1.1\r\nHost: x/y\r\n\r\n'],
    ['a host with a user', 'GET /livez HTTP/1.1\r\nHost: a@x\r\n\r\n'],
    ['a coding before the chunks', codedPost('gzip, chunked')],
    ['a coding without chunks', codedPost('gzip')],
    ['chunks twice', codedPost('chunked, chunked')],
    ['codings in two lines', codedPost('gzip\r\nTransfer-Encoding: chunked')],
    ['HTTP/2.0 in the form of HTTP/1.1', 'GET /livez HTTP/2.0\r\nHost: x\r\nConnection: close\r\n\r\n'],
    ['chunks in HTTP/1.0', codedPost('chunked').replace('HTTP/1.1', 'HTTP/1.0')],
  ])('refuses %s with a 400', async (_what, text) => {
    const { port } = await served((await createTestApp()).app)
    expect(await raw(port, text)).toMatch(/^HTTP\/1\.1 400 /)
  })

  it.each([
    ['a line that goes on in the next', 'X: a\r\n b\r\n', ''],
    ['a length that goes on in the next line', 'Content-Length:\r\n 2\r\n', '{}'],
    ['a coding that goes on in the next line', 'Transfer-Encoding:\r\n chunked\r\n', '2\r\n{}\r\n0\r\n\r\n'],
    ['a NUL', 'X: a\0b\r\n', ''],
    ['a line without a colon', 'X-nothing\r\n', ''],
    ['the same length twice', 'Content-Length: 2\r\nContent-Length: 2\r\n', '{}'],
    ['a list of lengths', 'Content-Length: 2, 2\r\n', '{}'],
    ...['+2', '-2', '0x2', '2.0', '1e0', '2 2', ''].map((length): [string, string, string] => [
      `the length ${JSON.stringify(length)}`,
      `Content-Length: ${length}\r\n`,
      '{}',
    ]),
    ['chunks before a length', 'Transfer-Encoding: chunked\r\nContent-Length: 2\r\n', '2\r\n{}\r\n0\r\n\r\n'],
    ...['identity', 'xchunked', 'chunked;a=b', '"chunked"', 'chunked\u000b', ',chunked', 'chunked,', 'trailers'].map(
      (coding): [string, string, string] => [
        `the coding ${JSON.stringify(coding)}`,
        `Transfer-Encoding: ${coding}\r\n`,
        '2\r\n{}\r\n0\r\n\r\n',
      ],
    ),
    ...['0x2', '-2', '+2', '2_', ' 2', 'ffffffffffffffffff'].map((size): [string, string, string] => [
      `a chunk of the size ${JSON.stringify(size)}`,
      'Transfer-Encoding: chunked\r\n',
      `${size}\r\n{}\r\n0\r\n\r\n`,
    ]),
    ['chunks that end in bare line feeds', 'Transfer-Encoding: chunked\r\n', '2\n{}\n0\n\n'],
    ['an extension that ends in a bare line feed', 'Transfer-Encoding: chunked\r\n', '2;a\n{}\r\n0\r\n\r\n'],
    ['more than the chunk says', 'Transfer-Encoding: chunked\r\n', '2\r\n{}x\r\n0\r\n\r\n'],
  ])('refuses %s, and reads nothing behind it as a request', async (_what, lines, body) => {
    const { app, bearer } = await createTestApp()
    const { port } = await served(app)
    const head = `POST /groups HTTP/1.1\r\nHost: x\r\nAuthorization: ${await bearer('adam', { roles: ['admin'] })}\r\nContent-Type: application/json\r\n`
    const said = await raw(
      port,
      `${head}${lines}\r\n${body}GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    )
    expect(said.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 400'])
  })

  it('refuses a request without Host', async () => {
    const { port } = await served((await createTestApp()).app)
    expect(await raw(port, 'GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /)
  })

  it('serves HTTP/1.0 without Host, and passes over expectations that it does not know', async () => {
    const { port } = await served((await createTestApp()).app)
    expect(await raw(port, 'GET /livez HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 /)
    const expecting = 'GET /livez HTTP/1.1\r\nHost: x\r\nExpect: the-unexpected\r\nConnection: close\r\n\r\n'
    expect(await raw(port, expecting)).toMatch(/^HTTP\/1\.1 200 /)
  })

  it.each(['x', 'x:3000', 'example.com', '[::1]:3000', '127.0.0.1:80', 'a_b.example', ''])(
    'serves a request for the host %j',
    async (host) => {
      const { port } = await served((await createTestApp()).app)
      const said = await raw(port, `GET /livez HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
      expect(said).toMatch(/^HTTP\/1\.1 200 /)
    },
  )

  it('refuses a request with two tokens, whichever of them is good', async () => {
    const { app, bearer } = await createTestApp()
    const { port } = await served(app)
    const good = await bearer('uma')
    const request = (...tokens: string[]) =>
      `GET /me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${tokens.map((token) => `Authorization: ${token}\r\n`).join('')}\r\n`
    expect(await raw(port, request(good))).toMatch(/^HTTP\/1\.1 200 /)
    for (const tokens of [
      [good, 'Bearer x'],
      ['Bearer x', good],
      [good, good],
      [good, 'Basic YTpi'],
    ])
      expect(await raw(port, request(...tokens))).toMatch(/^HTTP\/1\.1 401 /)
  })

  describe('with a body beyond the limit', () => {
    async function post(lines: string, rest = '') {
      const { app, bearer } = await createTestApp()
      const { port } = await served(app)
      const head = `POST /groups HTTP/1.1\r\nHost: x\r\nAuthorization: ${await bearer('adam', { roles: ['admin'] })}\r\nContent-Type: application/json\r\n`
      const began = performance.now()
      const exchange = openJudged(port, `${head}${lines}\r\n${rest}`)
      return { exchange, said: exchange.closed, tookMs: () => performance.now() - began }
    }

    it('announced, answers 413 at once and ends the connection', async () => {
      const { said, tookMs } = await post('Content-Length: 99999999999\r\n')
      expect(await said).toMatch(/^HTTP\/1\.1 413 /)
      expect(tookMs()).toBeLessThan(2000)
    })

    it('announced, never says 100', async () => {
      const { said } = await post('Content-Length: 99999999999\r\nExpect: 100-continue\r\n')
      expect(await said).toMatch(/^HTTP\/1\.1 413 /)
    })

    it('in chunks, answers 413 with the first byte too many', async () => {
      const chunk = `${(1024 * 1024 + 1).toString(16)}\r\n${' '.repeat(1024 * 1024 + 1)}\r\n`
      const { said, tookMs } = await post('Transfer-Encoding: chunked\r\n', chunk)
      expect(await said).toMatch(/^HTTP\/1\.1 413 /)
      expect(tookMs()).toBeLessThan(2000)
    })

    it('is told to a client that sends all of it first', async () => {
      const { app, bearer } = await createTestApp()
      const { url } = await served(app)
      const answer = await fetch(`${url}/groups`, {
        method: 'POST',
        headers: { authorization: await bearer('adam', { roles: ['admin'] }), 'content-type': 'application/json' },
        body: ' '.repeat(8 * 1024 * 1024),
      })
      expect(answer.status).toBe(413)
    })
  })

  it('asks for a body that was announced with Expect only once it is wanted', async () => {
    const { app, bearer } = await createTestApp()
    const { port } = await served(app)
    const head = (authorization: string) =>
      `POST /groups HTTP/1.1\r\nHost: x\r\nAuthorization: ${authorization}\r\nContent-Type: application/json\r\nContent-Length: 12\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n`
    const wanted = openRaw(port, head(await bearer('adam', { roles: ['admin'] })))
    expect(await wanted.status).toBe(100)
    wanted.socket.write('{"name":"x"}')
    expect(await wanted.closed).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 201 /)
    expect(await openRaw(port, head(await bearer('uma'))).status).toBe(403)
    expect(await openRaw(port, head('Bearer x')).status).toBe(401)
  })

  it('never says 100 to HTTP/1.0, where it would be taken for the answer', async () => {
    const { app, bearer } = await createTestApp()
    const { port } = await served(app)
    const head = `POST /groups HTTP/1.0\r\nAuthorization: ${await bearer('adam', { roles: ['admin'] })}\r\nContent-Type: application/json\r\n`
    const said = await raw(port, `${head}Content-Length: 12\r\nExpect: 100-continue\r\n\r\n{"name":"x"}`)
    expect(said).toMatch(/^HTTP\/1\.1 201 /)
  })

  it('listens so wherever others must reach it: image, Compose and manifests', () => {
    const hosts = ['Dockerfile', 'docker-compose.yml', 'k8s/base/api/settings.env'].flatMap((file) =>
      [...readFileSync(file, 'utf8').matchAll(/\bHOST[=:] *'?([^\s']+)/g)].map(([, host]) => host),
    )
    expect(hosts).toEqual(['::', '::', '::'])
  })

  it('listens for both families on ::', async () => {
    const server = createServer((await createTestApp()).app)
    const port = await listen(server, { host: '::', port: 0 })
    onTestFinished(() => closeServer(server))
    const hosts = ['127.0.0.1', ...(hasIpv6() ? ['[::1]'] : [])]
    for (const host of hosts)
      expect((await fetch(`http://${host}:${port}/livez`, { headers: { connection: 'close' } })).status).toBe(200)
  })

  it('is not a tunnel', async () => {
    const { port } = await served((await createTestApp()).app)
    expect(await raw(port, 'CONNECT other:443 HTTP/1.1\r\nHost: other:443\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /)
  })

  it('names all methods for OPTIONS *', async () => {
    const { port } = await served((await createTestApp()).app)
    const said = await raw(port, 'OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    expect(said).toMatch(/^HTTP\/1\.1 204 /)
    const allow = /^Allow: (.*)\r$/m.exec(said)?.[1]?.split(', ').sort()
    expect(allow).toEqual(['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT'])
  })

  it('says which address is in use and what to do', async () => {
    const { port, url } = await served((await createTestApp()).app)
    await expect(listen(http.createServer(), { host: '127.0.0.1', port })).rejects.toThrow(
      `${new URL(url).host} is in use by another process: stop it, or set PORT to a free port`,
    )
  })

  it('lets the request under way finish before it is closed, and does not wait for idle connections', async () => {
    let release: () => void = () => {}
    let entered: () => void = () => {}
    const inside = new Promise<void>((resolve) => {
      entered = resolve
    })
    const app = express()
    app.use((_req, res) => {
      release = () => res.end('done')
      entered()
    })
    const server = createServer(app)
    const port = await listen(server, { host: '127.0.0.1', port: 0 })
    const agent = new http.Agent({ keepAlive: true })
    onTestFinished(() => agent.destroy())
    const idle = net.connect(port, '127.0.0.1')
    await once(idle, 'connect')
    const answer = new Promise<string>((resolve, reject) => {
      http
        .get({ agent, port, host: '127.0.0.1' }, (res) => res.on('data', (chunk) => resolve(String(chunk))))
        .on('error', reject)
    })
    await inside
    let closed = false
    const closing = closeServer(server).then(() => {
      closed = true
    })
    await once(idle, 'close')
    expect(closed).toBe(false)
    release()
    expect(await answer).toBe('done')
    await closing
  })

  it('tells clients not to come back on the connection once it is about to stop', async () => {
    const server = createServer((await createTestApp()).app)
    const port = await listen(server, { host: '127.0.0.1', port: 0 })
    onTestFinished(() => closeServer(server))
    const ask = () => raw(port, 'GET /livez HTTP/1.1\r\nHost: x\r\n\r\n')
    stopKeepingAlive(server)
    expect(await ask()).toMatch(/\r\nConnection: close\r\n/i)
  })
})
