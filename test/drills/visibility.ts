/** `npm run drill -- visibility`: three short hazards, met by the thousand. */

import { randomBytes } from 'node:crypto'
import { Option } from 'commander'
import { createScript, wholeNumber } from '../../src/cli/script.ts'
import { findFreeBase } from '../../src/local/ports.ts'
import { REDIS_NAMES } from '../../src/local/redis-names.ts'
import { type DrillStack, withDrillStack } from '../security/drill-stack.ts'
import { serveFleet } from '../security/served-fleet.ts'
import { startProxy, type TcpProxy } from './proxy.ts'
import { createRandom } from './random.ts'
import { type CrashesReport, crashWriters } from './visibility/crashes.ts'
import { meetEnemies } from './visibility/enemies.ts'
import type { Pair } from './visibility/instances.ts'
import { raceGrants } from './visibility/races.ts'

const HAZARDS = ['races', 'enemies', 'kills'] as const
const options = createScript(
  'npm run drill -- visibility',
  'Grant against revocation, the New Enemy with a slow network, a writer killed between commit and delete.',
)
  .addOption(wholeNumber('--races <n>', 'grants and revocations at once').default(1000))
  .addOption(wholeNumber('--enemies <n>', 'rounds of the New Enemy').default(10_000))
  .addOption(wholeNumber('--kills <n>', 'killed writers').default(1000))
  .addOption(wholeNumber('--delay <ms>', 'of the slow network').default(2))
  .addOption(wholeNumber('--seed <n>', 'repeats a former run').default(1))
  .addOption(new Option('--only <hazard>', 'one of them').choices(HAZARDS))
  .parse()
  .opts<Record<(typeof HAZARDS)[number] | 'delay' | 'seed', number> & { only?: string }>()
const { only, delay: delayMs, seed } = options
const howOften = (hazard: (typeof HAZARDS)[number]) => (only === undefined || only === hazard ? options[hazard] : 0)
const [races, enemies, kills] = [howOften('races'), howOften('enemies'), howOften('kills')]

const PAIRS = 25
const LANES = 8
const BOUND_MS = 1000
/** More would only wait for processors: a start is all computing. */
const CRASH_LANES = 3

const JWT = {
  JWT_ISSUER: 'https://drill.portcullis.local',
  JWT_AUDIENCE: 'portcullis',
  JWT_JWKS_URL: 'http://127.0.0.1:2/jwks.json',
}
const say = (message: string) => console.log(message)
const every = (some: number) => (done: number) => done % some === 0 && say(`  ${done}`)
const failures: string[] = []

await withDrillStack(async (stack) => {
  const environment = {
    CACHE_PREFIX: `drill:${randomBytes(4).toString('hex')}:`,
    CURSOR_SECRET: randomBytes(32).toString('hex'),
  }
  const near = await serveFleet({ databaseUrl: stack.databaseUrl, redis: stack.redis, count: 1, environment })
  const far = await serveFar(stack, environment)
  const instances: Pair = [near.instances[0] as Pair[0], far.instances[0] as Pair[1]]

  if (races > 0) {
    const rounds = Math.ceil(races / PAIRS)
    const { interleavings, granted, wrong } = await raceGrants(instances, { name: 'race', pairs: PAIRS, rounds })
    say(
      `grant and revocation at once: ${interleavings} interleavings, granted in the end ${granted}, ${wrong.length} wrong`,
    )
    failures.push(...wrong)
  }
  if (enemies > 0) {
    const options = { name: 'enemy', rounds: enemies, lanes: LANES, seed, onRound: every(1000) }
    const { rounds, watched, wrong } = await meetEnemies(instances, options)
    say(`the New Enemy: ${rounds} rounds, ${watched} answers between removal and secret, ${wrong.length} wrong`)
    failures.push(...wrong)
  }
  if (kills > 0) {
    const joined = {
      ...process.env,
      NODE_ENV: 'test',
      DATABASE_URL: stack.databaseUrl,
      ...JWT,
      ...stack.redis,
      ...environment,
    }
    const tell = ({ kills: done, staleMs, wrong }: CrashesReport) => {
      const at = (share: number) =>
        (staleMs[Math.min(staleMs.length - 1, Math.floor(staleMs.length * share))] ?? 0).toFixed(1)
      return `killed between commit and delete: ${done} times, still served for p50 ${at(0.5)}, p99 ${at(0.99)}, at most ${at(1)} ms, ${wrong.length} wrong`
    }
    const options = { name: 'crash', kills, lanes: CRASH_LANES, environment: joined, boundMs: BOUND_MS }
    const report = await crashWriters(instances, {
      ...options,
      onKill: (each) => each.kills % 50 === 0 && say(`  ${tell(each)}`),
    })
    say(tell(report))
    failures.push(...report.wrong)
  }
  await near.close()
  await far.close()
})
for (const each of failures.slice(0, 20)) console.error(each)
process.exitCode = failures.length > 0 ? 1 : 0

/** An instance for which every answer of Redis and of PostgreSQL is late. */
async function serveFar({ databaseUrl, ports, master }: DrillStack, environment: Record<string, string>) {
  const base = await findFreeBase({ count: 2, from: 31_100, to: 32_000 })
  const redisPort = ports.redis[REDIS_NAMES.indexOf(await master())] ?? 0
  const random = createRandom(seed)
  const proxies: TcpProxy[] = []
  for (const [index, targetPort] of [redisPort, ports.postgres].entries()) {
    const proxy = await startProxy({ port: base + index, targetPort, random })
    proxy.set({ kind: 'slow', delayMs })
    proxies.push(proxy)
  }
  const url = new URL(databaseUrl)
  url.port = String(base + 1)
  const redis = { REDIS_URL: `redis://127.0.0.1:${base}` }
  const fleet = await serveFleet({ databaseUrl: url.href, redis, count: 1, environment })
  return {
    instances: fleet.instances,
    async close() {
      await fleet.close()
      for (const proxy of proxies) await proxy.close()
    },
  }
}
