/**
 * `npm run drill:visibility [-- --races 1000] [--enemies 10000] [--kills 1000] [--delay 2] [--seed N]`: grant against
 * revocation, the New Enemy with a slow network, and a writer killed between commit and delete, each so many times; with
 * `--only races`, `enemies` or `kills` one of them.
 */
import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import { findFreeBase } from '../../src/local/ports.ts'
import { REDIS_NAMES } from '../../src/local/redis-cluster.ts'
import { type DrillStack, withDrillStack } from '../security/drill-stack.ts'
import { serveFleet } from '../security/served-fleet.ts'
import { startProxy, type TcpProxy } from './proxy.ts'
import { createRandom } from './random.ts'
import { type CrashesReport, crashWriters } from './visibility/crashes.ts'
import { meetEnemies } from './visibility/enemies.ts'
import type { Pair } from './visibility/instances.ts'
import { raceGrants } from './visibility/races.ts'

const { values } = parseArgs({
  options: {
    races: { type: 'string', default: '1000' },
    enemies: { type: 'string', default: '10000' },
    kills: { type: 'string', default: '1000' },
    delay: { type: 'string', default: '2' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
  },
})
const HAZARDS = ['races', 'enemies', 'kills'] as const
const { only } = values
const howOften = (hazard: (typeof HAZARDS)[number]) =>
  only === undefined || only === hazard ? Number(values[hazard]) : 0
const [races, enemies, kills] = [howOften('races'), howOften('enemies'), howOften('kills')]
const [delayMs, seed] = [Number(values.delay), Number(values.seed)]
const numbers = [races, enemies, kills, delayMs, seed]
const isKnown = only === undefined || HAZARDS.some((hazard) => hazard === only)
if (!isKnown || !numbers.every((value) => Number.isSafeInteger(value) && value >= 0)) {
  console.error(
    `usage: npm run drill:visibility [-- --races N] [--enemies N] [--kills N] [--delay MS] [--seed N] [--only ${HAZARDS.join('|')}]`,
  )
  process.exit(2)
}

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
