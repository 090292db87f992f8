/**
 * Outlives the process that started it and ends what that one leaves behind: its standard input is a pipe from the
 * parent, and the kernel closes that pipe however the parent dies. Lines: `+ <pid> <signal>`, `- <pid>`, `rm <path>`.
 */
import { rm } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

const GRACE_MS = 8_000
const STEP_MS = 50

const guarded = new Map<number, NodeJS.Signals>()
const leftovers = new Set<string>()

// A signal to the whole session ends the servers too; this process goes last, when the pipe closes.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})

for await (const line of createInterface({ input: process.stdin })) {
  const [verb, subject = '', signal] = line.split('\t')
  if (verb === '+') guarded.set(Number(subject), signal as NodeJS.Signals)
  if (verb === '-') guarded.delete(Number(subject))
  if (verb === 'rm') leftovers.add(subject)
}
await endAll()
for (const path of leftovers) await rm(path, { recursive: true, force: true })

async function endAll(): Promise<void> {
  for (const [pid, signal] of guarded) {
    send(pid, signal)
    // A stopped process takes no signal until it is continued.
    send(pid, 'SIGCONT')
  }
  for (let waitedMs = 0; waitedMs < GRACE_MS && [...guarded.keys()].some(isAlive); waitedMs += STEP_MS)
    await sleep(STEP_MS)
  for (const pid of guarded.keys()) send(-pid, 'SIGKILL')
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // Already gone.
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
