/** Faults between the instances and Redis. */
import { askRedis } from '../../../src/local/redis-questions.ts'
import { waitUntil } from '../../../src/local/wait-until.ts'
import type { ProxyMode } from '../proxy.ts'
import { cutReplication, repairReplication } from '../replication.ts'
import { type Fault, hold, INSTANCES } from './fault.ts'

function spoiled(name: string, title: string, mode: ProxyMode): Fault {
  return {
    name,
    title,
    clientsMayNotice: 'nothing',
    async run({ environment, holdMs }) {
      for (const instance of INSTANCES) environment.redisProxies(instance, mode)
      await hold(holdMs)
      for (const instance of INSTANCES) environment.redisProxies(instance, { kind: 'pass' })
    },
  }
}

/** The hardest of these for the other two: one instance deletes nothing and nobody tells it what others delete. */
const oneWithoutRedis: Fault = {
  name: 'one-without-redis',
  title: 'Redis out of reach for one instance of three (connections hang)',
  clientsMayNotice: 'nothing',
  async run({ environment, holdMs }) {
    environment.redisProxies(2, { kind: 'frozen' })
    await hold(holdMs)
    environment.redisProxies(2, { kind: 'pass' })
  },
}

/**
 * A partition with the old master, and one instance, on the smaller side: the Sentinels promote another, the old one
 * cannot be told that it is none any more, and the instance with it hears nothing of the Sentinels. Its entries are
 * not deleted by the others, nor theirs by it.
 */
const splitBrain: Fault = {
  name: 'split-brain',
  title: 'split brain, one instance left with the old master',
  clientsMayNotice: 'nothing',
  async run({ environment, holdMs, mark }) {
    const { stack, ask } = environment
    const former = await stack.master()
    environment.sentinelProxies(2, { kind: 'frozen' })
    await cutReplication(environment, former)
    await ask(former, 'ACL', 'SETUSER', 'default', '-slaveof', '-replicaof')
    await askRedis(stack.ports.sentinels[0], 'SENTINEL', ['failover', stack.masterName], 2000)
    await waitUntil('another master is promoted', async () => (await stack.master()) !== former, { timeoutMs: 15_000 })
    mark('two masters')
    await hold(holdMs)
    mark('partition ends')
    await repairReplication(environment, former)
    environment.sentinelProxies(2, { kind: 'pass' })
  },
}

export const redisNetworkFaults = [
  splitBrain,
  oneWithoutRedis,
  spoiled('slow-redis', 'Redis answers 200 ms late', { kind: 'slow', delayMs: 200 }),
  spoiled('garbage', 'a tenth of the answers of Redis are random bytes', { kind: 'garbage', share: 0.1 }),
  spoiled('shifted', 'some answers of Redis get lost, so that later ones answer other questions', {
    kind: 'shifted',
    share: 0.02,
  }),
  spoiled('resets', 'connections to Redis are reset within 300 ms', { kind: 'reset', withinMs: 300 }),
]
