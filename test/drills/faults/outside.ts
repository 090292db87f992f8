/** Writers behind the API, who tell the service by a flush, or nobody: then the database's triggers do. */
import type { Environment } from '../environment.ts'
import { type Fault, hold } from './fault.ts'

const outsideFlush: Fault = {
  name: 'outside-flush-master-hung',
  title: 'SQL behind the API, each change followed by the narrowest flush, while the master hangs',
  clientsMayNotice: 'nothing',
  outsideWriters: 'flush',
  async run({ environment: { stack }, holdMs }) {
    const hung = await stack.hang('master')
    await hold(holdMs)
    stack.resume(hung)
  },
}

async function withoutTriggers(environment: () => Promise<Environment>): Promise<string | null> {
  const { sql } = await environment()
  const found = await sql(`SELECT FROM pg_trigger WHERE tgrelid = 'memberships'::regclass AND NOT tgisinternal LIMIT 1`)
  return found.length > 0 ? null : 'the database has no triggers that write the log for outside writers'
}

const outsideWriters: Fault = {
  name: 'outside-writers',
  title: 'SQL behind the API of which nobody is told',
  clientsMayNotice: 'nothing',
  redisStaysHealthy: true,
  outsideWriters: 'triggers',
  missing: withoutTriggers,
  run: ({ holdMs }) => hold(holdMs),
}

const outsideWritersRedisAway: Fault = {
  name: 'outside-writers-redis-away',
  title: 'the same, while all Redis and Sentinels are down',
  clientsMayNotice: 'nothing',
  outsideWriters: 'triggers',
  missing: withoutTriggers,
  async run({ environment: { stack }, holdMs, mark }) {
    await stack.stopAllRedis('SIGKILL')
    await hold(holdMs)
    mark('Redis starts')
    await stack.startAllRedis()
  },
}

export const outsideFaults = [outsideFlush, outsideWriters, outsideWritersRedisAway]
