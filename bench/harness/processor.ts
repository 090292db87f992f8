/** Which processor runs what, and how much of it a process has used: ratios of that hold on a busy machine too. */
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { childrenOf } from '../../src/local/process-children.ts'

const hasTaskset = (() => {
  try {
    execFileSync('taskset', ['-V'], { stdio: 'ignore' })
    return cpus().length >= 2
  } catch {
    return false
  }
})()

/** Servers on one processor, load and databases on another, where the system can do that. */
const PLACES = { server: '0', load: '1', anywhere: `0-${cpus().length - 1}` } as const
export type Place = keyof typeof PLACES

export function pinned(place: Place, command: string, args: readonly string[]): [string, string[]] {
  return hasTaskset ? ['taskset', ['-c', PLACES[place], command, ...args]] : [command, [...args]]
}

/** Moves this process; what it starts from now on, such as the databases, stays there unless it is pinned elsewhere. */
export function pinSelf(place: Place): void {
  move(place, [process.pid])
}

/** Moves these processes with all their threads, and their children, such as PostgreSQL's. */
export function moveWithChildren(place: Place, pids: readonly number[]): void {
  move(place, [...pids, ...pids.flatMap(childrenOf)])
}

function move(place: Place, pids: readonly number[]): void {
  if (!hasTaskset) return
  // One that has just ended is no longer to be moved.
  for (const pid of pids) spawnSync('taskset', ['-acp', PLACES[place], String(pid)], { stdio: 'ignore' })
}

const TICK_US = 10_000

/** Microseconds of processor time used by the process so far; null where the system does not tell. */
export function processorUs(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) * TICK_US
  } catch {
    return null
  }
}

/** Resident memory in bytes; null where the system does not tell. */
export function residentBytes(pid: number): number | null {
  try {
    return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024
  } catch {
    return null
  }
}

/** Nanoseconds that the main thread of the process has been on a processor; null where the system does not tell. */
export function processorNs(pid: number): number | null {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0])
  } catch {
    return null
  }
}
