import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { identifyProcess } from './process-identity.ts'
import { waitUntil } from './wait-until.ts'

const processesModule = new URL('./guarded-processes.ts', import.meta.url).href

/** A parent that starts one server, says its id, and waits; `hang` stops the server, so that it takes no polite signal. */
const PARENT = `
  import { createGuardedProcesses } from ${JSON.stringify(processesModule)}
  const processes = createGuardedProcesses()
  processes.removeAfterCrash(process.argv[1])
  const child = processes.start({
    name: 'server', command: process.execPath, args: ['-e', 'setInterval(() => {}, 1000)'],
    stopSignal: 'SIGTERM', output: { file: '/dev/null' },
  })
  if (process.argv[2] === 'hang') child.signal('SIGSTOP')
  console.log(child.pid)
  setInterval(() => {}, 1000)
`

const started: ChildProcess[] = []
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL')
})

async function startParent(folder: string, mode: 'run' | 'hang'): Promise<{ parent: ChildProcess; serverPid: number }> {
  const args = ['--input-type=module', '-e', PARENT, folder, mode]
  const parent = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  started.push(parent)
  const line = await new Promise<string>((resolve) => parent.stdout?.once('data', (data) => resolve(String(data))))
  return { parent, serverPid: Number(line) }
}

describe('the watchdog', () => {
  it.each(['run', 'hang'] as const)(
    'ends a server (%s) whose parent was killed, and removes what was temporary',
    async (mode) => {
      const folder = mkdtempSync(path.join(tmpdir(), 'portcullis-watchdog-'))
      const { parent, serverPid } = await startParent(folder, mode)
      expect(identifyProcess(serverPid)).not.toBeNull()
      parent.kill('SIGKILL')
      await waitUntil('the server is gone', async () => identifyProcess(serverPid) === null, { timeoutMs: 5_000 })
      await waitUntil('the folder is gone', async () => !existsSync(folder), { timeoutMs: 5_000 })
    },
  )
})
