/** What is looked at from outside while a row is staged: the log of each instance, PostgreSQL's connections, memory. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Environment } from '../drills/environment.ts'

const LOOK_EVERY_MS = 200
const PAGE_BYTES = 4096
const TICK_MS = 10

export interface Watch {
  /** Connections of all instances together, at most. */
  readonly connections: () => number
  /** Resident memory of the largest instance, in bytes, each time it was looked at. */
  readonly memory: () => readonly number[]
  stop(): Promise<void>
}

export function startWatch(environment: Environment): Watch {
  let most = 0
  let stopped = false
  const memory: number[] = []
  async function look(): Promise<void> {
    while (!stopped) {
      const [row] = await environment
        .sql(`SELECT count(*)::int AS open FROM pg_stat_activity WHERE application_name = 'portcullis'`)
        .catch(() => [])
      most = Math.max(most, Number(row?.open ?? 0))
      memory.push(largestInstance(environment))
      await sleep(LOOK_EVERY_MS)
    }
  }
  const looking = look()
  return {
    connections: () => most,
    memory: () => memory,
    async stop() {
      stopped = true
      await looking
    },
  }
}

function largestInstance({ stack }: Environment): number {
  const instances = stack.state().processes.filter(({ name }) => name.startsWith('api-'))
  return Math.max(0, ...instances.map(({ pid }) => residentBytes(pid)))
}

/** What all instances have used of the processors since they started, in milliseconds; 0 where the system does not say. */
export function processorMs({ stack }: Environment): number {
  const instances = stack.state().processes.filter(({ name }) => name.startsWith('api-'))
  return instances.reduce((sum, { pid }) => sum + ticksOf(pid) * TICK_MS, 0)
}

function ticksOf(pid: number): number {
  try {
    // The name of the command, in parentheses, may hold spaces; after it user and system time are the 12th and 13th.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
    return Number(fields[11]) + Number(fields[12])
  } catch {
    return 0
  }
}

function residentBytes(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * PAGE_BYTES
  } catch {
    return 0
  }
}

/** When each instance said that its breaker opened, in milliseconds of the wall clock. */
export function breakerOpenings({ stack, fleet }: Environment, sinceMs: number): number[][] {
  return fleet.ports.map((_, instance) =>
    readFileSync(path.join(stack.logDir, `api-${instance + 1}.log`), 'utf8')
      .split('\n')
      .filter((line) => line.includes('the breaker opened'))
      .map((line) => Date.parse((JSON.parse(line) as { time: string }).time))
      .filter((atMs) => atMs >= sinceMs),
  )
}
