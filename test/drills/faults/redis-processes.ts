/** Faults of Redis servers and Sentinels as processes. */
import { copyFileSync } from 'node:fs'
import path from 'node:path'
import { REDIS_NAMES, SENTINEL_NAMES } from '../../../src/local/redis-names.ts'
import { askRedis } from '../../../src/local/redis-questions.ts'
import { cutReplication } from '../replication.ts'
import { type Fault, hold } from './fault.ts'

const killMaster: Fault = {
  name: 'kill-master',
  title: 'kill -9 of the master',
  clientsMayNotice: 'nothing',
  async run({ environment: { stack }, holdMs, mark }) {
    const killed = await stack.kill('master')
    await hold(holdMs)
    mark('old master restarts')
    await stack.restart(killed)
  },
}

const pauseMaster: Fault = {
  name: 'pause-master',
  title: 'SIGSTOP of the master, SIGCONT after the failover',
  clientsMayNotice: 'nothing',
  async run({ environment: { stack }, holdMs, mark }) {
    const paused = await stack.hang('master')
    await hold(holdMs)
    mark('old master continues')
    stack.resume(paused)
  },
}

const manualFailover: Fault = {
  name: 'manual-failover',
  title: 'SENTINEL FAILOVER, twice: the demoted master keeps its connections for a moment',
  clientsMayNotice: 'nothing',
  async run({ environment: { stack }, holdMs, mark }) {
    for (const _ of ['there', 'and back']) {
      await askRedis(stack.ports.sentinels[0], 'SENTINEL', ['failover', stack.masterName], 2000)
      mark('failover')
      await hold(holdMs)
      await stack.waitForHealthyRedis()
    }
  },
}

const lostDeletes: Fault = {
  name: 'lost-deletes',
  title: 'failover after replication was cut: the promoted replica never saw the deletes',
  clientsMayNotice: 'nothing',
  async run({ environment, holdMs, mark }) {
    const master = await environment.stack.master()
    await cutReplication(environment, master)
    await hold(3000)
    mark('master is killed')
    await environment.stack.kill(master)
    await hold(holdMs)
    mark('old master restarts')
    await environment.stack.restart(master)
  },
}

const oldSnapshot: Fault = {
  name: 'old-snapshot',
  title: 'all Redis killed, an older RDB put back, started again',
  clientsMayNotice: 'nothing',
  async run({ environment: { stack, ask }, mark }) {
    const master = await stack.master()
    await ask(master, 'SAVE')
    const folder = (name: string) => path.join(stack.dataDir, name)
    const kept = path.join(stack.dataDir, 'older.rdb')
    copyFileSync(path.join(folder(master), 'dump.rdb'), kept)
    await hold(4000)
    mark('all Redis is killed')
    await stack.stopAllRedis('SIGKILL')
    await hold(2000)
    for (const name of REDIS_NAMES) copyFileSync(kept, path.join(folder(name), 'dump.rdb'))
    mark('older data starts')
    await stack.startAllRedis()
  },
}

const allRedisDown: Fault = {
  name: 'all-redis-down',
  title: 'all Redis and Sentinels killed, and back with what they had on disk',
  clientsMayNotice: 'nothing',
  async run({ environment: { stack }, holdMs, mark }) {
    await stack.stopAllRedis('SIGKILL')
    await hold(holdMs)
    mark('Redis starts')
    await stack.startAllRedis()
  },
}

const noMajority: Fault = {
  name: 'no-majority',
  title: 'two of three Sentinels killed, then the master: nobody can be promoted',
  clientsMayNotice: 'nothing',
  async run({ environment: { stack }, holdMs, mark }) {
    for (const name of SENTINEL_NAMES.slice(0, 2)) await stack.kill(name)
    await hold(500)
    mark('master is killed')
    await stack.kill('master')
    await hold(holdMs)
    mark('Sentinels restart')
    for (const name of SENTINEL_NAMES.slice(0, 2)) await stack.restart(name)
  },
}

export const redisProcessFaults = [
  killMaster,
  pauseMaster,
  manualFailover,
  lostDeletes,
  oldSnapshot,
  allRedisDown,
  noMajority,
]
