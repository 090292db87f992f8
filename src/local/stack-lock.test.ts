import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { identifyProcess, stillRuns } from './process-identity.ts'
import { lockDataFolder, StackRunningError } from './stack-lock.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'portcullis-lock-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

describe('the lock on a data folder', () => {
  it('keeps a second stack out and says which process holds it', () => {
    const lock = lockDataFolder(folder)
    expect(() => lockDataFolder(folder)).toThrow(StackRunningError)
    expect(() => lockDataFolder(folder)).toThrow(`process ${process.pid}`)
    lock.release()
    lockDataFolder(folder).release()
  })

  it('is void once its owner is gone', async () => {
    const owner = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
    const identity = identifyProcess(owner.pid as number)
    writeFileSync(path.join(folder, 'stack.lock'), JSON.stringify(identity))
    expect(() => lockDataFolder(folder)).toThrow(StackRunningError)
    await new Promise((resolve) => owner.once('exit', resolve).kill('SIGKILL'))
    lockDataFolder(folder).release()
  })

  it('is void when its owner’s id belongs to a later process', () => {
    writeFileSync(path.join(folder, 'stack.lock'), JSON.stringify({ pid: process.pid, startedAt: 'long ago' }))
    lockDataFolder(folder).release()
  })

  it('is void when it was never finished', () => {
    writeFileSync(path.join(folder, 'stack.lock'), '')
    lockDataFolder(folder).release()
  })
})

describe('the identity of a process', () => {
  it('holds while the process runs', () => {
    const self = identifyProcess(process.pid)
    expect(self && stillRuns(self)).toBe(true)
    expect(stillRuns({ pid: process.pid, startedAt: 'long ago' })).toBe(false)
    expect(identifyProcess(2 ** 22 + 1)).toBeNull()
  })
})
