/** `npm run drill -- slow-clients [--connections 1000] [--seconds 15] [--burst]`: slow headers and slow bodies, from a process of their own, hold connections open; a client that behaves is timed before and meanwhile. */

import { fork } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createScript, wholeNumber } from '../../src/cli/script.ts'
import { createTokenIssuer } from '../../src/local/token-issuer.ts'
import { waitUntil } from '../../src/local/wait-until.ts'
import { withDrillStack } from '../security/drill-stack.ts'
import { createHttpClient } from '../security/http-client.ts'
import type { Crowd, CrowdReport } from '../security/slow-crowd.ts'

const { connections, seconds, burst } = createScript(
  'npm run drill -- slow-clients',
  'Slow headers and slow bodies hold connections open; a client that behaves is timed before and meanwhile.',
)
  .addOption(wholeNumber('--connections <n>', 'how many are slow', { lowest: 2 }).default(1000))
  .addOption(wholeNumber('--seconds <n>', 'for how long', { lowest: 1 }).default(15))
  .option('--burst', 'all within one instant')
  .parse()
  .opts<{ connections: number; seconds: number; burst?: true }>()
const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const ISSUER = 'https://drill.portcullis.local'
const AUDIENCE = 'portcullis'
const PAUSE_MS = 5
const MAX_RATIO = 2
/** Over as long as a slow body is waited for, so that they are not all put off in the same instant. */
const ARRIVE_WITHIN_MS = burst ? 0 : 5000
const crowdFile = fileURLToPath(new URL('../security/slow-crowd.ts', import.meta.url))

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
  const crowd = fork(crowdFile)
  crowd.send({ port, connections, authorization, arriveWithinMs: ARRIVE_WITHIN_MS } satisfies Crowd)
  // The burst itself counts too: clients that connect at once are there while the healthy client is timed.
  if (!burst) await once(crowd, 'message')
  const during = await timed()
  crowd.send('enough')
  const report = await reportOf(crowd)
  client.close()
  await service.stop(15_000)

  const ratio = during.p99 / before.p99
  const shown = (name: string, { p50, p99, served, refused }: typeof before) =>
    console.log(`${name}: p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms, ${served} served, ${refused} refused`)
  shown('alone', before)
  shown(`beside ${report.held} slow connections`, during)
  const putOff = Object.entries(report.statuses)
  console.log(`put off: ${putOff.map(([kind, times]) => `${kind}: ${times}`).join(', ')}`)
  console.log(`p99 ratio ${ratio.toFixed(2)} (at most ${MAX_RATIO})`)
  const unexpected = putOff.filter(([kind]) => !kind.endsWith(' 408'))
  process.exitCode = ratio <= MAX_RATIO && during.refused === 0 && unexpected.length === 0 ? 0 : 1
})

async function reportOf(crowd: ReturnType<typeof fork>): Promise<CrowdReport> {
  for (;;) {
    const [message] = (await once(crowd, 'message')) as [CrowdReport | 'here']
    if (message !== 'here') return message
  }
}
