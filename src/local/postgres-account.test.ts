import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { postgresAccount, reachableBinaries } from './postgres-account.ts'

/** What npm installs under a certain umask, in the form of a script; and a home that everybody can enter. */
function setUp(mode: number, script = '#!/bin/sh\nexit 0\n') {
  const folder = mkdtempSync(path.join(tmpdir(), 'account-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const [installed, home] = [path.join(folder, 'native'), path.join(folder, 'home')]
  mkdirSync(path.join(installed, 'bin'), { recursive: true })
  mkdirSync(home)
  writeFileSync(path.join(installed, 'bin', 'postgres'), script)
  for (const each of ['bin/postgres', 'bin', '.']) chmodSync(path.join(installed, each), mode)
  for (const each of [folder, home]) chmodSync(each, 0o755)
  return { installed, home }
}

describe.skipIf(process.getuid?.() !== 0)('the binaries that another account runs for root', () => {
  it('are those that are installed, where it can run them', () => {
    const { installed, home } = setUp(0o755)
    expect(reachableBinaries(installed, home, postgresAccount())).toBe(installed)
  })

  it('are copies that it can run, where umask 077 keeps the installed ones for root', () => {
    const { installed, home } = setUp(0o700)
    const copy = reachableBinaries(installed, home, postgresAccount())
    expect(copy).toBe(path.join(home, 'postgresql'))
    expect(statSync(path.join(copy, 'bin', 'postgres')).mode & 0o777).toBe(0o755)
  })

  it('are refused with what the system says, where it can run neither', () => {
    const { installed, home } = setUp(0o755, '#!/bin/sh\necho no such library >&2\nexit 127\n')
    expect(() => reachableBinaries(installed, home, postgresAccount())).toThrow(/cannot run .*: no such library/)
  })
})
