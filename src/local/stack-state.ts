/** Where each process runs, written beside the data for the commands that inspect a running stack. */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { StackPorts } from './ports.ts'
import { type ProcessIdentity, stillRuns } from './process-identity.ts'
import { waitUntil } from './wait-until.ts'

export interface ProcessState extends ProcessIdentity {
  readonly name: string
  /** Of a process that serves HTTP. */
  readonly url?: string
}

export interface StackState {
  /** Of the process that started the stack. */
  readonly pid: number
  readonly masterName: string
  readonly ports: StackPorts
  readonly databaseUrl: string | null
  readonly tokens?: { readonly issuer: string; readonly audience: string }
  readonly processes: readonly ProcessState[]
}

export function writeState(dataDir: string, state: StackState): void {
  const file = stateFile(dataDir)
  // Replaced as a whole: a reader sees the old state or the new one.
  writeFileSync(`${file}.new`, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

/** @returns null when no stack has run here, or it stopped in an orderly way */
export function readState(dataDir: string): StackState | null {
  try {
    return JSON.parse(readFileSync(stateFile(dataDir), 'utf8')) as StackState
  } catch {
    return null
  }
}

export function removeState(dataDir: string): void {
  rmSync(stateFile(dataDir), { force: true })
}

/** Ends what a killed stack left behind, in case its watchdog was killed with it. */
export async function endLeftovers(dataDir: string, log: (message: string) => void): Promise<void> {
  const leftovers = readState(dataDir)?.processes.filter(stillRuns) ?? []
  if (leftovers.length === 0) return
  log(
    `ending what an interrupted start left running: ${leftovers.map(({ name, pid }) => `${name} (${pid})`).join(', ')}`,
  )
  for (const leftover of leftovers) {
    process.kill(leftover.pid, leftover.name === 'postgres' ? 'SIGINT' : 'SIGTERM')
    process.kill(leftover.pid, 'SIGCONT')
  }
  const allGone = async () => !leftovers.some(stillRuns)
  await waitUntil('the leftovers end', allGone, { timeoutMs: 10_000 }).catch(() => {
    for (const leftover of leftovers.filter(stillRuns)) process.kill(leftover.pid, 'SIGKILL')
  })
}

function stateFile(dataDir: string): string {
  return path.join(dataDir, 'stack.json')
}
