import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findRedis, serverMajor } from './redis-binary.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'portcullis-redis-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

function install(name: string, version: string): string {
  const file = path.join(folder, name)
  writeFileSync(file, `#!/bin/sh\necho '${version}'\n`)
  chmodSync(file, 0o755)
  return file
}

const find = () => findRedis({ toolsDir: folder, log: () => {}, searchPath: folder })

describe('finding a Redis server', () => {
  it('takes redis-server from the PATH', async () => {
    const command = install('redis-server', 'Redis server v=7.0.15 sha=00000000:0')
    expect(await find()).toEqual({ command })
  })

  it('passes over one that is too old', async () => {
    const tooOld = install('redis-server', 'Redis server v=5.0.7 sha=00000000:0')
    install('valkey-server', 'Valkey server v=8.1.1 sha=00000000:0')
    // A machine may have a redis-server of its own, which comes before any Valkey.
    const { command } = await find()
    expect(command).not.toBe(tooOld)
    expect(path.basename(command)).toMatch(/^(redis|valkey)-server$/)
  })
})

it.each([
  ['Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=ae4d7c971a948f0', 7],
  ['Valkey server v=8.1.1 sha=00000000:0', 8],
  ['redis-check-rdb 7.0.15', null],
])('reads the major version of %s', (version, major) => {
  expect(serverMajor(version)).toBe(major)
})
