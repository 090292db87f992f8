/** What a Redis that runs may answer, or not answer. */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { REDIS_NAMES, type RedisName } from '../../src/local/redis-names.ts'
import type { Environment } from '../drills/environment.ts'
import { INSTANCES } from '../drills/faults/fault.ts'
import type { ProxyMode } from '../drills/proxy.ts'
import type { Row } from './row.ts'

const clientsMayNotice = 'nothing'
const APP = { REDIS_USERNAME: 'app', REDIS_PASSWORD: 'first-password-of-app' }

const portOf = ({ stack }: Environment, name: RedisName) => stack.ports.redis[REDIS_NAMES.indexOf(name)] ?? 0

/** A connection of the drill's own to the master, for faults that need more than one command. */
async function withMaster(environment: Environment, work: (redis: Redis) => Promise<unknown>): Promise<void> {
  const redis = new Redis({ host: '127.0.0.1', port: portOf(environment, await environment.stack.master()) })
  redis.on('error', () => {})
  try {
    await work(redis)
  } finally {
    redis.disconnect()
  }
}

async function setPasswordOfApp({ ask }: Environment, password: string): Promise<void> {
  for (const name of REDIS_NAMES) {
    await ask(name, 'ACL', 'SETUSER', 'app', 'on', 'resetpass', `>${password}`, '~*', '&*', '+@all')
    await ask(name, 'CLIENT', 'KILL', 'USER', 'app')
  }
}

async function repeatedly(forMs: number, everyMs: number, work: () => Promise<unknown>): Promise<void> {
  const untilMs = performance.now() + forMs
  while (performance.now() < untilMs) {
    await work().catch(() => {})
    await sleep(everyMs)
  }
}

function onTheWay(name: string, title: string, mode: ProxyMode): Row {
  return {
    name,
    title,
    clientsMayNotice,
    async run({ environment, holdMs }) {
      for (const instance of INSTANCES) environment.redisProxies(instance, mode)
      await sleep(holdMs)
      for (const instance of INSTANCES) environment.redisProxies(instance, { kind: 'pass' })
    },
  }
}

export const answerRows: readonly Row[] = [
  onTheWay('slow', 'each answer 60 ms late', { kind: 'slow', delayMs: 60 }),
  onTheWay('slower', 'each answer 300 ms late', { kind: 'slow', delayMs: 300 }),
  onTheWay('frozen', 'nothing passes, connections stay', { kind: 'frozen' }),
  onTheWay('resets', 'connections are reset within 300 ms', { kind: 'reset', withinMs: 300 }),
  onTheWay('garbage', 'a tenth of the answers are random bytes', { kind: 'garbage', share: 0.1 }),
  onTheWay('shifted', 'answers get lost: later ones answer other questions', { kind: 'shifted', share: 0.02 }),
  {
    name: 'client-pause',
    title: 'CLIENT PAUSE of 5 s on all servers',
    clientsMayNotice,
    async run({ environment: { ask } }) {
      for (const name of REDIS_NAMES) await ask(name, 'CLIENT', 'PAUSE', '5000')
      await sleep(5000)
    },
  },
  {
    name: 'busy-script',
    title: 'a script of somebody else keeps the master busy for 4 s',
    clientsMayNotice,
    run: ({ environment }) =>
      withMaster(environment, (redis) =>
        redis.eval(
          "local t = redis.call('TIME')[1] + 4; while tonumber(redis.call('TIME')[1]) < t do end; return 1",
          0,
        ),
      ),
  },
  {
    name: 'out-of-memory',
    title: 'memory full, noeviction, on all servers',
    clientsMayNotice,
    async run({ environment: { ask }, holdMs }) {
      const set = async (policy: string, memory: string) => {
        for (const name of REDIS_NAMES)
          await ask(name, 'CONFIG', 'SET', 'maxmemory-policy', policy, 'maxmemory', memory)
      }
      await set('noeviction', '1mb')
      await sleep(holdMs)
      await set('allkeys-lru', '256mb')
    },
  },
  {
    name: 'rotated-password',
    title: 'the password is rotated, the service has the former one',
    clientsMayNotice,
    env: APP,
    prepare: (environment) => setPasswordOfApp(environment, APP.REDIS_PASSWORD),
    async run({ environment, holdMs }) {
      await setPasswordOfApp(environment, 'rotated')
      await sleep(holdMs)
      await setPasswordOfApp(environment, APP.REDIS_PASSWORD)
    },
  },
  {
    name: 'read-only',
    title: 'READONLY on every write (all servers are replicas, Sentinels hang)',
    clientsMayNotice,
    async run({ environment: { stack, ask }, holdMs }) {
      const former = await stack.master()
      const sentinels = ['sentinel-1', 'sentinel-2', 'sentinel-3'] as const
      for (const name of sentinels) await stack.hang(name)
      await ask(former, 'REPLICAOF', '127.0.0.1', '1')
      await sleep(holdMs)
      await ask(former, 'REPLICAOF', 'NO', 'ONE')
      for (const name of sentinels) stack.resume(name)
    },
  },
  {
    name: 'too-many-clients',
    title: 'maxclients reached, and everybody is cut off once',
    clientsMayNotice,
    async run({ environment, holdMs }) {
      // Connections of our own, made before there are no more: one that is there stays, whatever the limit.
      const admins = REDIS_NAMES.map((name) => new Redis({ host: '127.0.0.1', port: portOf(environment, name) }))
      const all = (...words: [string, ...string[]]) => Promise.all(admins.map((admin) => admin.call(...words)))
      try {
        await all('PING')
        await all('CONFIG', 'SET', 'maxclients', '1')
        await all('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
        await sleep(holdMs)
        await all('CONFIG', 'SET', 'maxclients', '10000')
      } finally {
        for (const admin of admins) admin.disconnect()
      }
    },
  },
  {
    name: 'client-kill-loop',
    title: 'CLIENT KILL of all clients, every 100 ms',
    clientsMayNotice,
    run: ({ environment, holdMs }) =>
      withMaster(environment, (redis) =>
        repeatedly(holdMs, 100, () => redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')),
      ),
  },
  {
    name: 'script-flush-loop',
    title: 'SCRIPT FLUSH every 20 ms',
    clientsMayNotice,
    run: ({ environment, holdMs }) =>
      withMaster(environment, (redis) => repeatedly(holdMs, 20, () => redis.script('FLUSH'))),
  },
  {
    name: 'corrupt',
    title: 'row 18: every key is overwritten with random bytes, again and again',
    clientsMayNotice,
    run: ({ environment, holdMs }) =>
      withMaster(environment, (redis) =>
        repeatedly(holdMs, 100, async () => {
          for await (const keys of redis.scanStream({ match: 'portcullis:*', count: 1000 }))
            for (const key of keys as string[]) await redis.set(key, randomBytes(200))
        }),
      ),
  },
  {
    name: 'huge-values',
    title: 'a valid head with 64 MB behind it under every list',
    clientsMayNotice,
    run: ({ environment, holdMs }) =>
      withMaster(environment, async (redis) => {
        await redis.config('SET', 'maxmemory', '0')
        const keys = (await redis.keys('portcullis:resources:{*}')).slice(0, 6)
        await repeatedly(holdMs, 500, async () => {
          for (const key of keys) if ((await redis.strlen(key)) < 2 ** 26) await redis.setrange(key, 2 ** 26, 'x')
        })
        await redis.unlink(keys)
      }),
  },
]
