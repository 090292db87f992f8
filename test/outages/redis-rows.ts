/** What may happen to Redis servers and Sentinels as processes. */
import { setTimeout as sleep } from 'node:timers/promises'
import { REDIS_NAMES, SENTINEL_NAMES } from '../../src/local/redis-names.ts'
import { askRedis, replicationOf } from '../../src/local/redis-questions.ts'
import { waitUntil } from '../../src/local/wait-until.ts'
import type { Environment } from '../drills/environment.ts'
import type { Row } from './row.ts'

const FAILOVERS = 20
const clientsMayNotice = 'nothing'

/** Resolves when another server is master; one that was asked too early is asked again. */
export async function failOver({ stack }: Environment): Promise<void> {
  const former = await stack.master()
  const [sentinel] = stack.ports.sentinels
  await waitUntil(
    'a Sentinel starts a failover',
    async () => (await askRedis(sentinel, 'SENTINEL', ['FAILOVER', stack.masterName])) === 'OK',
    { timeoutMs: 30_000, everyMs: 200 },
  )
  await waitUntil('another is master', async () => (await stack.master()) !== former, {
    timeoutMs: 15_000,
    everyMs: 50,
  })
}

/** Resolves when the master of the day has both others at its side again. */
async function replicasFollow({ stack }: Environment): Promise<void> {
  const online = async () => {
    const port = stack.ports.redis[REDIS_NAMES.indexOf(await stack.master())] ?? 0
    const { role, ...fields } = await replicationOf(port)
    return role === 'master' && Object.values(fields).filter((value) => value.includes('state=online')).length === 2
  }
  await waitUntil('both replicas follow the new master', online, { timeoutMs: 30_000, everyMs: 100 })
}

export const redisRows: readonly Row[] = [
  {
    name: 'kill-master',
    title: 'row 1: master killed (kill -9)',
    clientsMayNotice,
    async run({ environment: { stack }, holdMs }) {
      const killed = await stack.kill('master')
      await sleep(holdMs)
      await stack.restart(killed)
    },
  },
  {
    name: 'hang-master',
    title: 'row 2: master hangs for 30 s (SIGSTOP)',
    clientsMayNotice,
    holdMs: 30_000,
    async run({ environment: { stack }, holdMs }) {
      const hung = await stack.hang('master')
      await sleep(holdMs)
      stack.resume(hung)
    },
  },
  {
    name: 'all-dead',
    title: 'row 3: all Redis and Sentinels dead for 60 s',
    clientsMayNotice,
    holdMs: 60_000,
    async run({ environment: { stack }, holdMs }) {
      await stack.stopAllRedis('SIGKILL')
      await sleep(holdMs)
      await stack.startAllRedis()
    },
  },
  {
    name: 'boot-without-redis',
    title: 'row 4: an instance starts while all of Redis is away',
    clientsMayNotice,
    async run({ environment: { stack, fleet }, note }) {
      await stack.stopAllRedis('SIGKILL')
      await fleet.stop(2)
      const startedMs = performance.now()
      await fleet.start(2)
      note(`ready after ${((performance.now() - startedMs) / 1000).toFixed(1)} s`)
      await sleep(2000)
      await stack.startAllRedis()
    },
  },
  {
    name: 'boot-without-sentinels',
    title: 'an instance starts while all Sentinels are away',
    clientsMayNotice,
    async run({ environment: { stack, fleet }, note }) {
      for (const name of SENTINEL_NAMES) await stack.kill(name)
      await fleet.stop(2)
      const startedMs = performance.now()
      await fleet.start(2)
      note(`ready after ${((performance.now() - startedMs) / 1000).toFixed(1)} s`)
      await sleep(2000)
      for (const name of SENTINEL_NAMES) await stack.restart(name)
    },
  },
  {
    name: 'failovers',
    title: `row 5: ${FAILOVERS} failovers in a row (SENTINEL FAILOVER)`,
    clientsMayNotice,
    async run({ environment }) {
      // The next begins as soon as there is somebody to promote, not when every Sentinel has heard of it.
      for (let turn = 0; turn < FAILOVERS; turn++) {
        await failOver(environment)
        await replicasFollow(environment)
      }
    },
  },
  {
    name: 'sentinel-hangs',
    title: 'one Sentinel hangs, then the master is killed',
    clientsMayNotice,
    async run({ environment: { stack }, holdMs }) {
      const hung = await stack.hang('sentinel-1')
      const killed = await stack.kill('master')
      await sleep(holdMs)
      stack.resume(hung)
      await stack.restart(killed)
    },
  },
  {
    name: 'flapping',
    title: 'the master hangs and wakes every 2 s for a minute',
    clientsMayNotice,
    async run({ environment: { stack, sql }, note }) {
      const outages = async () => Number((await sql('SELECT count(*)::int AS n FROM cache_outages'))[0]?.n)
      const before = await outages()
      for (let turn = 0; turn < 15; turn++) {
        const hung = await stack.hang('master')
        await sleep(2000)
        stack.resume(hung)
        await sleep(2000)
      }
      note(`${(await outages()) - before} outages of the fleet recorded`)
    },
  },
  {
    name: 'replica-refused',
    title: 'one replica has a wrong password, then the master is killed',
    clientsMayNotice,
    async run({ environment: { stack, ask }, holdMs }) {
      const former = await stack.master()
      const refused = REDIS_NAMES.find((name) => name !== former) ?? 'redis-1'
      await ask(refused, 'CONFIG', 'SET', 'masteruser', 'nobody', 'masterauth', 'wrong')
      await ask(former, 'CLIENT', 'KILL', 'TYPE', 'replica')
      await sleep(1000)
      await stack.kill(former)
      await sleep(holdMs)
      await ask(refused, 'CONFIG', 'SET', 'masteruser', '', 'masterauth', '')
      await stack.restart(former)
    },
  },
]
