/**
 * A pod of the API goes while 300 clients keep their connections to it: with the pauses that the manifests give, no request
 * meets a connection that was just closed. The network between them takes its time, so that a close can cross a request.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import http from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createTokenIssuer } from '../../src/local/token-issuer.ts'
import { waitUntil } from '../../src/local/wait-until.ts'
import { AUDIENCE, ISSUER } from '../support/app.ts'
import { startFaultProxy } from '../support/fault-proxy.ts'
import { freePort } from '../support/free-port.ts'
import { dropDatabase, freshDatabase, redisEnvironment } from '../support/stack.ts'

const CLIENTS = 300
/** Each client asks again after up to this long, so each connection is used within the delay. */
const PAUSE_MAX_MS = 5000
const NETWORK_MS = 20
const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const settings = readFileSync(new URL('../../k8s/base/api/settings.env', import.meta.url), 'utf8')
const shutdownDelayMs = /^SHUTDOWN_DELAY_MS=(\d+)$/m.exec(settings)?.[1]

let databaseUrl: string
let folder: string
beforeAll(async () => {
  databaseUrl = await freshDatabase()
  folder = mkdtempSync(path.join(tmpdir(), 'portcullis-rolling-'))
})
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true })
  await dropDatabase(databaseUrl)
})

async function startProcess(): Promise<{ child: ChildProcess; port: number }> {
  const issuer = await createTokenIssuer({ keysDir: folder, issuer: ISSUER, audience: AUDIENCE })
  const port = await freePort()
  const child = spawn(process.execPath, [main], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: {
      PATH: process.env.PATH,
      ...redisEnvironment(),
      NODE_ENV: 'development',
      LOG_LEVEL: 'error',
      HOST: '127.0.0.1',
      PORT: String(port),
      CACHE_PREFIX: `test:${randomBytes(4).toString('hex')}:`,
      DATABASE_URL: databaseUrl,
      JWT_ISSUER: ISSUER,
      JWT_AUDIENCE: AUDIENCE,
      JWT_PUBLIC_KEY_FILE: issuer.publicKeyFile,
      CURSOR_SECRET: randomBytes(32).toString('hex'),
      ...(shutdownDelayMs !== undefined && { SHUTDOWN_DELAY_MS: shutdownDelayMs }),
    },
  })
  await waitUntil('it is ready', async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).status === 200, {
    timeoutMs: 30_000,
  })
  return { child, port }
}

function ask(agent: http.Agent, port: number): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const request = http.get({ agent, host: '127.0.0.1', port, path: '/livez' }, (answer) => {
      answer.resume()
      answer.once('error', reject)
      answer.once('end', () => resolve(answer.statusCode))
    })
    request.once('error', reject)
  })
}

it('no kept-alive connection is reset under a request when a pod goes', async () => {
  const [going, staying] = await Promise.all([startProcess(), startProcess()])
  const network = await startFaultProxy(going.port)
  network.become({ up: { latencyMs: NETWORK_MS }, down: { latencyMs: NETWORK_MS } })
  const failures: string[] = []
  let answered = 0
  let endpointGone = false
  let running = true
  const clients = Array.from({ length: CLIENTS }, async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    let target = network.port
    while (running) {
      try {
        // Connected anew it finds another pod: the Service has forgotten this one.
        if (endpointGone && Object.keys(agent.freeSockets).length === 0) target = staying.port
        const status = await ask(agent, target)
        if (status === 200) answered++
        else failures.push(`status ${status}`)
      } catch (error) {
        failures.push(String((error as NodeJS.ErrnoException).code ?? error))
      }
      await sleep(Math.random() * PAUSE_MAX_MS)
    }
    agent.destroy()
  })
  try {
    await sleep(PAUSE_MAX_MS)
    endpointGone = true
    going.child.kill('SIGTERM')
    const [code] = await once(going.child, 'exit')
    await sleep(1000)
    running = false
    await Promise.all(clients)
    expect({ code, failures }).toEqual({ code: 0, failures: [] })
    expect(answered).toBeGreaterThan(CLIENTS)
  } finally {
    running = false
    for (const { child } of [going, staying]) child.kill('SIGKILL')
    await network.close()
  }
}, 90_000)
