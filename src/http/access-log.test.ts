import { once } from 'node:events'
import http from 'node:http'
import { connect } from 'node:net'
import express from 'express'
import request from 'supertest'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createTestApp, type TestAppOptions } from '../../test/support/app.ts'
import { becomes } from '../../test/support/becomes.ts'
import { served } from '../../test/support/served.ts'
import type { Portcullis } from '../domain/api.ts'
import { DomainError } from '../domain/errors.ts'
import { createLogger } from '../telemetry/index.ts'
import { createAccessLog } from './access-log.ts'

const accessLines = (logged: readonly string[]) => logged.filter((line) => line.includes('"responseTime"')).length

/** What one request leaves in the log. */
async function linesOf(
  options: TestAppOptions,
  ask: (test: Awaited<ReturnType<typeof createTestApp>>) => Promise<unknown>,
) {
  const test = await createTestApp(options)
  await ask(test)
  await becomes(() => accessLines(test.logged), 1)
  return test.logged.map((line) => JSON.parse(line) as Record<string, unknown>)
}

const failing = (error: Error) => (portcullis: Portcullis) => ({
  ...portcullis,
  reads: { ...portcullis.reads, visibleResources: () => Promise.reject(error) },
})

const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/)

describe('the access log', () => {
  it('has one line per request with these fields and no others', async () => {
    const lines = await linesOf({}, async ({ app, bearer }) =>
      request(app)
        .get('/resources?q=secret-prefix')
        .set({ authorization: await bearer('uma'), cookie: 'session=1', 'x-request-id': 'abc-1' }),
    )
    expect(lines).toEqual([
      {
        level: 'info',
        time: TIME,
        req: { id: 'abc-1', method: 'GET', path: '/resources' },
        sub: 'uma',
        res: { status: 200 },
        responseTime: expect.any(Number),
        msg: 'request completed',
      },
    ])
  })

  it('names the problem of a refusal, and no subject before a token is verified', async () => {
    const [line] = await linesOf({}, ({ app }) => request(app).get('/resources').set('authorization', 'Bearer a.b.c'))
    expect(line).toMatchObject({ level: 'info', res: { status: 401, problem: 'unauthenticated' } })
    expect(line).not.toHaveProperty('sub')
  })

  it('names the subject of a caller who is refused', async () => {
    const [line] = await linesOf({}, async ({ app, bearer }) =>
      request(app)
        .get('/users')
        .set('authorization', await bearer('uma')),
    )
    expect(line).toMatchObject({ sub: 'uma', res: { status: 403, problem: 'forbidden' } })
  })

  it('warns of a 503, and calls only other failures errors', async () => {
    const ask = async ({ app, bearer }: Awaited<ReturnType<typeof createTestApp>>) =>
      request(app)
        .get('/resources')
        .set('authorization', await bearer('uma'))
    const accessLine = (lines: Record<string, unknown>[]) => lines.find(({ res }) => res !== undefined)
    const busy = await linesOf({ alter: failing(new DomainError('overloaded', 'busy')) }, ask)
    expect(accessLine(busy)).toMatchObject({
      level: 'warn',
      res: { status: 503, problem: 'overloaded' },
      msg: 'request completed',
    })
    expect(accessLine(busy)).not.toHaveProperty('err')
    const broken = await linesOf({ alter: failing(new Error('a fault')) }, ask)
    expect(accessLine(broken)).toMatchObject({ level: 'error', res: { status: 500, problem: 'internal' } })
    // The cause has a line of its own.
    expect(broken.find(({ err }) => err !== undefined)).toMatchObject({ level: 'error', msg: 'request failed' })
  })

  it('says nothing of probes that succeed', async () => {
    const { app, logged } = await createTestApp()
    await request(app).get('/livez')
    await request(app).get('/readyz')
    expect(logged).toEqual([])
  })

  it('says of probes that are told not yet only why, and that once', async () => {
    const { app, logged } = await createTestApp({ ready: () => false })
    for (let probe = 0; probe < 5; probe++) expect((await request(app).get('/readyz')).status).toBe(503)
    const lines = logged.map((line) => JSON.parse(line))
    expect(lines.filter(({ msg }) => msg === 'request completed')).toEqual([])
    expect(lines).toHaveLength(1)
  })

  it('escapes what a path may contain', async () => {
    const [line] = await linesOf({}, async ({ app }) => (await served(app)).send({ path: '/a"b\\c' }))
    expect(line).toMatchObject({ req: { method: 'GET', path: '/a"b\\c' }, res: { status: 404 } })
  })

  it('calls an answer aborted whose client has gone', async () => {
    let asked = () => {}
    const waiting = new Promise<void>((resolve) => {
      asked = resolve
    })
    const lines = linesOf(
      {
        alter: (portcullis) => ({
          ...portcullis,
          reads: {
            ...portcullis.reads,
            visibleResources: () => {
              asked()
              return new Promise(() => {})
            },
          },
        }),
      },
      async ({ app, bearer }) => {
        const { port } = await served(app)
        const socket = connect(port, '127.0.0.1')
        socket.write(`GET /resources HTTP/1.1\r\nHost: x\r\nAuthorization: ${await bearer('uma')}\r\n\r\n`)
        await waiting
        socket.destroy()
      },
    )
    expect(await lines).toMatchObject([{ level: 'info', sub: 'uma', msg: 'request aborted' }])
  })

  it('survives an error of the answer, before its line and after it', async () => {
    const logged: string[] = []
    const app = express()
    app.use(createAccessLog(createLogger({ level: 'info', destination: { write: (line) => void logged.push(line) } })))
    app.use((req, res) => {
      if (req.path === '/before') res.emit('error', new Error('cannot be written'))
      res.once('finish', () => res.emit('error', new Error('too late')))
      res.end()
    })
    const server = http.createServer(app).listen(0, '127.0.0.1')
    onTestFinished(() => void server.close())
    await once(server, 'listening')
    const agent = request(server)
    await agent.get('/before')
    await agent.get('/after')
    await becomes(() => logged.length, 2)
    expect(JSON.parse(logged[0] ?? '')).toMatchObject({ level: 'error', msg: 'request errored' })
    expect(JSON.parse(logged[1] ?? '')).toMatchObject({ level: 'info', msg: 'request completed' })
  })

  it('never contains a token, wherever the client puts it and however the request ends', async () => {
    const cause = Object.assign(new Error('the query failed'), { headers: {} as Record<string, string>, token: '' })
    const test = await createTestApp({
      logLevel: 'trace',
      alter: (portcullis) => ({
        ...portcullis,
        reads: {
          ...failing(cause)(portcullis).reads,
          user: () => Promise.reject(new DomainError('database-unavailable', 'gone', { cause })),
        },
      }),
    })
    const good = await test.token('uma')
    const expired = await test.token('uma', { expiresAt: 1000 })
    const secrets = [good, expired]
    cause.headers = { authorization: `Bearer ${good}`, cookie: good }
    cause.token = good
    const { send } = await served(test.app)
    for (const token of secrets) {
      const headers = { authorization: `Bearer ${token}`, cookie: `t=${token}`, 'idempotency-key': token.slice(0, 200) }
      const body = JSON.stringify({ name: token, token })
      for (const path of ['/resources', `/resources?cursor=${token}`, '/users/uma', '/livez', '/nowhere'])
        await send({ path, headers })
      await send({ path: '/groups', method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body })
      await send({ path: '/resources', headers: { authorization: token } })
      await send({ path: '/resources', headers: { authorization: `Basic ${token}`, 'x-request-id': `id ${token}` } })
    }
    await becomes(() => accessLines(test.logged), 16)
    const text = test.logged.join('')
    expect(text, 'the hazard was there').toContain('the query failed')
    for (const token of secrets) for (const part of token.split('.')) expect(text).not.toContain(part)
  })
})
