/** The faults that `npm run failover` causes at the master of a running stack, and how each is undone. */
import { stillRuns } from './process-identity.ts'
import { askRedis, replicationOf } from './redis-questions.ts'
import type { StackState } from './stack-state.ts'
import { waitUntil } from './wait-until.ts'

export type FaultKind = 'kill' | 'hang' | 'graceful'

export interface MasterFault {
  readonly description: string
  /** Undoes the rest; safe to call more than once. */
  undo(): void
}

/** Causes the fault now. */
export async function inflict(kind: FaultKind, state: StackState, master: string): Promise<MasterFault> {
  const found = state.processes.find(({ name }) => name === master)
  if (!found || !stillRuns(found)) throw new Error(`${master} is not running`)
  if (kind === 'kill') {
    process.kill(found.pid, 'SIGKILL')
    return { description: `kill -9 of ${master} (process ${found.pid})`, undo: () => {} }
  }
  if (kind === 'hang') {
    process.kill(found.pid, 'SIGSTOP')
    const undo = () => {
      if (stillRuns(found)) process.kill(found.pid, 'SIGCONT')
    }
    return { description: `${master} hangs (SIGSTOP, process ${found.pid})`, undo }
  }
  await failOver(state)
  return { description: `SENTINEL FAILOVER, away from ${master}`, undo: () => {} }
}

/** A failover that just ended, or one under way (INPROG), is waited for. */
async function failOver(state: StackState): Promise<void> {
  const [sentinel] = state.ports.sentinels
  await waitUntil(
    'Sentinel starts a failover',
    async () => (await askRedis(sentinel, 'SENTINEL', ['failover', state.masterName])) === 'OK',
    { timeoutMs: 10_000, everyMs: 500 },
  )
}

/** Resolves when the former master follows the new one; a hung one is told by Sentinel up to 20 s after it wakes. */
export async function waitUntilReplica(port: number, timeoutMs: number): Promise<void> {
  await waitUntil(
    'the former master is a replica',
    async () => {
      const replication = await replicationOf(port)
      return replication.role === 'slave' && replication.master_link_status === 'up'
    },
    { timeoutMs, everyMs: 200 },
  )
}
