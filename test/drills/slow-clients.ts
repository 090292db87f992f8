/** `npm run drill:slow-clients [-- --connections 1000] [--seconds 15]`: slow headers and slow bodies hold connections open; a client that behaves is timed before and meanwhile. */
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { createTokenIssuer } from '../../src/local/token-issuer.ts'
import { waitUntil } from '../../src/local/wait-until.ts'
import { withDrillStack } from '../security/drill-stack.ts'
import { createHttpClient } from '../security/http-client.ts'
import { drip, openRaw, SLOW_HEADERS, slowBody } from '../security/raw-http.ts'

const { values } = parseArgs({ options: { connections: { type: 'string' }, seconds: { type: 'string' } } })
const connections = Number(values.connections ?? 1000)
const seconds = Number(values.seconds ?? 15)
if (!Number.isSafeInteger(connections) || connections < 2 || !(seconds > 0)) {
  console.error('usage: npm run drill:slow-clients [-- --connections <count>] [--seconds <number>]')
  process.exit(2)
}
const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const ISSUER = 'https://drill.portcullis.local'
const AUDIENCE = 'portcullis'
const DRIP_MS = 1000
const PAUSE_MS = 5
const MAX_RATIO = 2
/** Over as long as a slow body is waited for, so that they are not all put off in the same instant. */
const OPENED_WITHIN_MS = 5000
/** Sleeps are no finer than this. */
const STEP_MS = 10

await withDrillStack(async (stack) => {
  const issuer = await createTokenIssuer({
    keysDir: path.join(stack.dataDir, 'keys'),
    issuer: ISSUER,
    audience: AUDIENCE,
  })
  const port = stack.servicePort
  const service = stack.run({
    name: 'api',
    command: process.execPath,
    args: [main],
    env: {
      ...process.env,
      ...stack.redis,
      NODE_ENV: 'development',
      LOG_LEVEL: 'error',
      PORT: String(port),
      DATABASE_URL: stack.databaseUrl,
      JWT_ISSUER: ISSUER,
      JWT_AUDIENCE: AUDIENCE,
      JWT_PUBLIC_KEY_FILE: issuer.publicKeyFile,
      CURSOR_SECRET: 'q8Zk3vJr1Wm5Xs7Ty9Bd2Fg4Hj6Lp0Nc',
    },
    stopSignal: 'SIGTERM',
    output: { onData: (chunk) => void process.stderr.write(chunk) },
  })
  const client = createHttpClient({ port, connections: 1 })
  await waitUntil(
    'the service is ready',
    async () => (await client.send({ method: 'GET', path: '/readyz' })).status === 200,
    { timeoutMs: 30_000 },
  )
  const authorization = `Bearer ${await issuer.issue({ subject: 'root', roles: ['admin'], ttlSeconds: 3600 })}`

  async function timed(): Promise<{ p50: number; p99: number; served: number; refused: number }> {
    const durations: number[] = []
    let refused = 0
    for (const untilMs = performance.now() + seconds * 1000; performance.now() < untilMs; await sleep(PAUSE_MS)) {
      const startedMs = performance.now()
      const { status } = await client.send({ method: 'GET', path: '/resources', headers: { authorization } })
      durations.push(performance.now() - startedMs)
      if (status !== 200) refused++
    }
    durations.sort((a, b) => a - b)
    const at = (share: number) => durations[Math.floor(durations.length * share)] ?? 0
    return { p50: at(0.5), p99: at(0.99), served: durations.length - refused, refused }
  }

  await timed()
  const before = await timed()
  const statuses = new Map<string, number>()
  let ending = false
  const count = (kind: string) => (status: number | null) =>
    void (ending || statuses.set(`${kind} ${status}`, (statuses.get(`${kind} ${status}`) ?? 0) + 1))
  const open = new Set<ReturnType<typeof openRaw>>()
  /** Whoever is put off comes again at once: the number of slow connections stays what it is. */
  function hold(kind: 'headers' | 'body'): void {
    const exchange = openRaw(port, kind === 'headers' ? SLOW_HEADERS : slowBody(authorization))
    open.add(exchange)
    drip(exchange, DRIP_MS)
    void exchange.status.then(count(kind))
    void exchange.closed.then(() => {
      open.delete(exchange)
      if (!ending) hold(kind)
    })
  }
  for (let opened = 0; opened < connections; opened++) {
    hold(opened % 2 === 0 ? 'headers' : 'body')
    if (opened % Math.ceil((connections * STEP_MS) / OPENED_WITHIN_MS) === 0) await sleep(STEP_MS)
  }
  const during = await timed()
  const held = open.size
  ending = true
  for (const { socket } of open) socket.destroy()
  client.close()
  await service.stop(15_000)

  const ratio = during.p99 / before.p99
  const shown = (name: string, { p50, p99, served, refused }: typeof before) =>
    console.log(`${name}: p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms, ${served} served, ${refused} refused`)
  shown('alone', before)
  shown(`beside ${held} slow connections`, during)
  console.log(`put off: ${[...statuses].map(([kind, times]) => `${kind}: ${times}`).join(', ')}`)
  console.log(`p99 ratio ${ratio.toFixed(2)} (at most ${MAX_RATIO})`)
  const unexpected = [...statuses.keys()].filter((kind) => !kind.endsWith(' 408'))
  process.exitCode = ratio <= MAX_RATIO && during.refused === 0 && unexpected.length === 0 ? 0 : 1
})
