/** One stack per data folder: a lock file that names its owner and is void once that process is gone. */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { identifyProcess, type ProcessIdentity, stillRuns } from './process-identity.ts'

export class StackRunningError extends Error {
  readonly code = 'stack-running'
  readonly pid: number
  constructor(pid: number, folder: string) {
    super(`A local stack already runs on ${folder} (process ${pid}); stop it first, or use another checkout.`)
    this.pid = pid
  }
}

export interface StackLock {
  release(): void
}

/** @throws StackRunningError when a living process holds the folder */
export function lockDataFolder(folder: string): StackLock {
  const file = path.join(folder, 'stack.lock')
  const own = identifyProcess(process.pid)
  const content = JSON.stringify(own)
  for (let attempt = 0; attempt < 5; attempt++) {
    if (create(file, content)) return { release: () => rmSync(file, { force: true }) }
    const found = read(file)
    const owner = parse(found)
    if (owner && stillRuns(owner)) throw new StackRunningError(owner.pid, folder)
    discard(file, found)
  }
  throw new Error(`Cannot take ${file}: several processes are starting on this folder at once; try again`)
}

function create(file: string, content: string): boolean {
  try {
    writeFileSync(file, content, { flag: 'wx', mode: 0o600 })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

function parse(content: string): ProcessIdentity | null {
  try {
    return JSON.parse(content) as ProcessIdentity
  } catch {
    return null
  }
}

/** Moves a void lock away; puts it back when another starter has replaced it by a valid one in between. */
function discard(file: string, expected: string): void {
  const aside = `${file}.${process.pid}`
  try {
    renameSync(file, aside)
  } catch {
    return
  }
  if (read(aside) !== expected) create(file, read(aside))
  rmSync(aside, { force: true })
}
