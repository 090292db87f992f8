/**
 * A pod of the API goes while 300 clients keep their connections to it: with the pauses that the manifests give, no request
 * meets a connection that was just closed. The network between them takes its time, so that a close can cross a request.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import http from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createTokenIssuer } from '../../src/local/token-issuer.ts'
import { AUDIENCE, ISSUER } from '../support/app.ts'
import { startFaultProxy } from '../support/fault-proxy.ts'
import { spawnService } from '../support/service-process.ts'
import { dropDatabase, freshDatabase } from '../support/stack.ts'

const CLIENTS = 300
/** Each client asks again after up to this long, so each connection is used within the delay. */
const PAUSE_MAX_MS = 5000
const NETWORK_MS = 20
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

async function startProcess() {
  const issuer = await createTokenIssuer({ keysDir: folder, issuer: ISSUER, audience: AUDIENCE })
  const service = await spawnService({
    LOG_LEVEL: 'error',
    DATABASE_URL: databaseUrl,
    JWT_ISSUER: ISSUER,
    JWT_AUDIENCE: AUDIENCE,
    JWT_PUBLIC_KEY_FILE: issuer.publicKeyFile,
    ...(shutdownDelayMs !== undefined && { SHUTDOWN_DELAY_MS: shutdownDelayMs }),
  })
  await service.ready()
  return service
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
    const code = await going.exited
    await sleep(1000)
    running = false
    await Promise.all(clients)
    expect({ code, failures }).toEqual({ code: 0, failures: [] })
    expect(answered).toBeGreaterThan(CLIENTS)
  } finally {
    running = false
    await Promise.all([going.stop(), staying.stop()])
    await network.close()
  }
}, 90_000)
