/** Redis servers whose clocks are wrong by a quarter of an hour; Linux with a C compiler only. */
import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { REDIS_NAMES } from '../../../src/local/redis-names.ts'
import type { LocalStack } from '../../../src/local/stack.ts'
import { type Fault, hold } from './fault.ts'

const source = fileURLToPath(new URL('./shifted-clock.c', import.meta.url))
const compiler = 'cc'
const QUARTER_S = 900

/** What is spawned meanwhile lives at another time. */
async function atAnotherTime(stack: LocalStack, offsetS: number, start: () => Promise<void>): Promise<void> {
  const library = path.join(stack.dataDir, 'shifted-clock.so')
  execFileSync(compiler, ['-shared', '-fPIC', '-O1', '-o', library, source])
  const shifted = { LD_PRELOAD: library, CLOCK_OFFSET_S: String(offsetS) }
  Object.assign(process.env, shifted)
  try {
    await start()
  } finally {
    for (const name of Object.keys(shifted)) delete process.env[name]
  }
}

const wrongClocks: Fault = {
  name: 'wrong-clocks',
  title: 'two Redis servers whose clocks are a quarter of an hour ahead and behind; each becomes master',
  clientsMayNotice: 'nothing',
  async missing() {
    if (process.platform !== 'linux') return 'it needs Linux'
    try {
      execFileSync(compiler, ['--version'], { stdio: 'ignore' })
      return null
    } catch {
      return `it needs a C compiler (${compiler})`
    }
  },
  async run({ environment: { stack }, holdMs, mark }) {
    const master = await stack.master()
    const replicas = REDIS_NAMES.filter((name) => name !== master)
    for (const [index, name] of replicas.entries()) {
      await stack.kill(name)
      await atAnotherTime(stack, index === 0 ? QUARTER_S : -QUARTER_S, () => stack.restart(name))
    }
    await stack.waitForHealthyRedis()
    mark('clocks are wrong')
    for (const _ of replicas) {
      const killed = await stack.kill('master')
      mark('master is killed')
      await hold(holdMs)
      await stack.restart(killed)
      await stack.waitForHealthyRedis()
    }
  },
}

export const clockFaults = [wrongClocks]
