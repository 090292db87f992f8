/** Redis servers whose clocks are wrong by a quarter of an hour, by libfaketime where it can be had. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { REDIS_NAMES } from '../../../src/local/redis-cluster.ts'
import { type Fault, hold } from './fault.ts'

const tools = fileURLToPath(new URL('../../../.portcullis/tools/faketime', import.meta.url))
const folders = ['/usr/lib/x86_64-linux-gnu/faketime', '/usr/lib/aarch64-linux-gnu/faketime', '/usr/lib/faketime']

function library(): string | null {
  const places = [...folders, ...folders.map((folder) => path.join(tools, folder))]
  return places.map((folder) => path.join(folder, 'libfaketime.so.1')).find((file) => existsSync(file)) ?? null
}

/** Unpacks the distribution's package into the git-ignored folder, as no administrator is needed for that. */
function fetchLibrary(): void {
  mkdirSync(tools, { recursive: true })
  execFileSync('apt-get', ['download', 'libfaketime'], { cwd: tools, stdio: 'ignore', timeout: 60_000 })
  const found = readdirSync(tools).find((file) => file.endsWith('.deb'))
  if (found) execFileSync('dpkg-deb', ['-x', path.join(tools, found), tools], { stdio: 'ignore' })
}

/** What is spawned meanwhile lives at another time; its monotonic clock stays, or it would not run at all. */
async function atAnotherTime(offset: string, start: () => Promise<void>): Promise<void> {
  const shifted = {
    LD_PRELOAD: library() ?? '',
    FAKETIME: offset,
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    FAKETIME_NO_CACHE: '1',
  }
  Object.assign(process.env, shifted)
  try {
    await start()
  } finally {
    for (const name of Object.keys(shifted)) delete process.env[name]
  }
}

const wrongClocks: Fault = {
  name: 'wrong-clocks',
  title: 'the clocks of two Redis servers are a quarter of an hour ahead and behind, and each becomes master',
  clientsMayNotice: 'nothing',
  async missing() {
    try {
      if (library() === null) fetchLibrary()
    } catch {
      // Not a Debian, or no package source: said below.
    }
    return library() === null ? 'libfaketime is not installed and cannot be downloaded' : null
  },
  async run({ environment: { stack }, holdMs, mark }) {
    const master = await stack.master()
    const offsets = ['-15m', '+15m']
    for (const name of REDIS_NAMES.filter((each) => each !== master)) {
      await stack.kill(name)
      await atAnotherTime(offsets.pop() ?? '+0', () => stack.restart(name))
    }
    await stack.waitForHealthyRedis()
    for (const _ of offsets.concat('', '')) {
      mark('master is killed')
      const killed = await stack.kill('master')
      await hold(holdMs)
      await stack.restart(killed)
      await stack.waitForHealthyRedis()
    }
  },
}

export const clockFaults = [wrongClocks]
