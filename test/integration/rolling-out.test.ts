/**
 * Pods of the API are replaced while 300 clients keep their connections to them: with the pauses that the manifests give, no request
 * meets a connection that was just closed. The network between them takes its time, so that a close can cross a request.
 * `npm run drill -- rollouts` is the same with three pods, five times.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createTokenIssuer } from '../../src/local/token-issuer.ts'
import { waitUntil } from '../../src/local/wait-until.ts'
import { AUDIENCE, ISSUER } from '../support/app.ts'
import { becomes } from '../support/becomes.ts'
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts'
import { startClients } from '../support/kept-alive-clients.ts'
import { type ServiceProcess, spawnService } from '../support/service-process.ts'
import { dropDatabase, freshDatabase } from '../support/stack.ts'

const CLIENTS = 300
/** Each connection is used within the delay. Most pauses are much shorter than the longest. */
const PAUSE_MAX_MS = 5000
const pauseMs = () => Math.random() ** 3 * PAUSE_MAX_MS
const NETWORK_MS = 20
/** After the signal, nodes still lead new connections to the pod for a while. */
const ENDPOINT_LAG_MS = 2000

const PODS = Number(process.env.DRILL_PODS ?? 1)
const ROLLOUTS = Number(process.env.DRILL_ROLLOUTS ?? 1)
const REQUESTS = Number(process.env.DRILL_REQUESTS ?? CLIENTS)
/** Beside the other pods and all clients, on a machine that does other things. */
const READY_WITHIN_MS = 120_000
/** Minutes for each rollout, on a machine that does other things. */
const TIMEOUT_MS = 180_000 * ROLLOUTS

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

interface Pod {
  readonly service: ServiceProcess
  readonly network: FaultProxy
}

it('no kept-alive connection is reset under a request when pods go', { timeout: TIMEOUT_MS }, async () => {
  const issuer = await createTokenIssuer({ keysDir: folder, issuer: ISSUER, audience: AUDIENCE })
  const token = await issuer.issue({ subject: 'reader', roles: [], ttlSeconds: 7200 })
  const all: Pod[] = []
  const endpoints: Pod[] = []
  const ends: Promise<number | null>[] = []

  const shared = { CACHE_PREFIX: `test:${randomUUID()}:`, CURSOR_SECRET: randomBytes(32).toString('hex') }
  async function startPod(): Promise<void> {
    const service = await spawnService({
      ...shared,
      LOG_LEVEL: 'warn',
      DATABASE_URL: databaseUrl,
      JWT_ISSUER: ISSUER,
      JWT_AUDIENCE: AUDIENCE,
      JWT_PUBLIC_KEY_FILE: issuer.publicKeyFile,
      ...(shutdownDelayMs !== undefined && { SHUTDOWN_DELAY_MS: shutdownDelayMs }),
    })
    const network = await startFaultProxy(service.port)
    network.become({ up: { latencyMs: NETWORK_MS }, down: { latencyMs: NETWORK_MS } })
    all.push({ service, network })
    const isReady = async () => (await service.status('/readyz')) === 200
    await waitUntil('a pod is ready', isReady, { timeoutMs: READY_WITHIN_MS, everyMs: 200 })
    endpoints.push({ service, network })
  }

  async function endPod(pod: Pod): Promise<void> {
    pod.service.child.kill('SIGTERM')
    ends.push(pod.service.exited)
    await sleep(Math.random() * ENDPOINT_LAG_MS)
    endpoints.splice(endpoints.indexOf(pod), 1)
  }

  try {
    await Promise.all(Array.from({ length: PODS }, startPod))
    const clients = startClients({
      count: CLIENTS,
      pauseMs,
      endpoint: () => (endpoints[Math.floor(Math.random() * endpoints.length)] as Pod).network.port,
      path: '/resources',
      headers: { authorization: `Bearer ${token}` },
    })
    for (let rollout = 1; rollout <= ROLLOUTS; rollout++) {
      // Every client has a connection to what goes.
      await sleep(PAUSE_MAX_MS)
      for (const old of [...endpoints]) {
        await startPod()
        await endPod(old)
      }
      expect(new Set(await Promise.all(ends))).toEqual(new Set([0]))
      const wanted = (REQUESTS / ROLLOUTS) * rollout
      await becomes(() => clients.answered >= wanted, true, TIMEOUT_MS)
      if (ROLLOUTS > 1)
        console.log(
          `rollout ${rollout}: ${clients.answered} answers, ${clients.connections} connections, ${clients.failures.length} failures`,
        )
    }
    await clients.stop()
    expect(clients.failures).toEqual([])
    expect(clients.answered).toBeGreaterThan(CLIENTS)
    // They did come back, elsewhere.
    expect(clients.connections).toBeGreaterThanOrEqual(CLIENTS * (1 + ROLLOUTS))
  } finally {
    await Promise.all(all.map(({ service }) => service.stop()))
    await Promise.all(all.map(({ network }) => network.close()))
  }
})
