/** Faults at random, two at a time, each healed after a while; one seed repeats one sequence. */
import { REDIS_NAMES, SENTINEL_NAMES } from '../../../src/local/redis-names.ts'
import type { ProxyMode } from '../proxy.ts'
import { cutReplication, repairReplication } from '../replication.ts'
import { type Fault, type FaultContext, hold, INSTANCES } from './fault.ts'
import { crash, cutListeners } from './service.ts'

interface Blow {
  readonly name: string
  /** Returns what undoes it. */
  readonly strike: (context: FaultContext) => Promise<() => Promise<void> | void>
}

const MODES: readonly ProxyMode[] = [
  { kind: 'slow', delayMs: 200 },
  { kind: 'slow', delayMs: 60 },
  { kind: 'garbage', share: 0.1 },
  { kind: 'shifted', share: 0.05 },
  { kind: 'reset', withinMs: 300 },
  { kind: 'frozen' },
]

const BLOWS: readonly Blow[] = [
  {
    name: 'kill a Redis server',
    async strike({ environment: { stack }, random }) {
      const name = random.next() < 0.6 ? await stack.kill('master') : await stack.kill(random.pick(REDIS_NAMES))
      return () => stack.restart(name)
    },
  },
  {
    name: 'pause a Redis server',
    async strike({ environment: { stack }, random }) {
      const name = await stack.hang(random.next() < 0.6 ? 'master' : random.pick(REDIS_NAMES))
      return () => stack.resume(name)
    },
  },
  {
    name: 'cut replication',
    async strike({ environment }) {
      const master = await environment.stack.master()
      await cutReplication(environment, master)
      return () => repairReplication(environment, master)
    },
  },
  {
    name: 'pause a Sentinel',
    async strike({ environment: { stack }, random }) {
      const name = await stack.hang(random.pick(SENTINEL_NAMES))
      return () => stack.resume(name)
    },
  },
  {
    name: 'spoil an instance’s way to Redis',
    async strike({ environment, random }) {
      const instance = random.pick(INSTANCES)
      environment.redisProxies(instance, random.pick(MODES))
      return () => environment.redisProxies(instance, { kind: 'pass' })
    },
  },
  {
    name: 'hide the Sentinels from an instance',
    async strike({ environment, random }) {
      const instance = random.pick(INSTANCES)
      environment.sentinelProxies(instance, { kind: 'frozen' })
      return () => environment.sentinelProxies(instance, { kind: 'pass' })
    },
  },
  {
    name: 'cut the log’s connections',
    async strike({ environment }) {
      await cutListeners(environment)
      return () => {}
    },
  },
  {
    name: 'crash an instance after a commit',
    async strike({ environment, random }) {
      const instance = random.pick(INSTANCES)
      await crash(environment, instance)
      return () => environment.fleet.start(instance)
    },
  },
]

async function lane(context: FaultContext, untilMs: number): Promise<void> {
  const { random } = context
  while (performance.now() < untilMs) {
    const blow = random.pick(BLOWS)
    try {
      const heal = await blow.strike(context)
      context.mark(blow.name)
      await hold(random.between(300, 4000))
      await heal()
    } catch {
      // The other lane has struck the same process already, so this one changed nothing.
    }
    await hold(random.between(100, 800))
  }
}

const combined: Fault = {
  name: 'combined',
  title: 'all of these at random, two at a time',
  clientsMayNotice: 'instances-ending',
  parts: ['crash-point'],
  async run(context) {
    const untilMs = performance.now() + 5 * context.holdMs
    await Promise.all([lane(context, untilMs), lane(context, untilMs)])
  },
}

export const combinedFaults = [combined]
