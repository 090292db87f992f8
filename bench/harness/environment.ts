/** On what a measurement was made: numbers without it cannot be compared. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { arch, cpus, platform, release, totalmem } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'

export interface Environment {
  readonly date: string
  readonly machine: {
    readonly name: string
    readonly processors: number
    readonly memoryGb: number
    readonly system: string
  }
  /** Of the processors' time, in the second before the benchmark began: what others use, all wall-clock figures lack. */
  readonly busyShare: number
  readonly versions: Readonly<Record<string, string>>
  readonly commit: string
}

const SAMPLE_MS = 1000
/** From this share on, figures per second say little. */
export const BUSY_FROM = 0.25
const PACKAGES = ['express', 'ioredis', 'pino', 'jose', 'pg', '@prisma/client', 'autocannon']
const PEER_PACKAGES = ['bentocache', 'cache-manager', 'keyv', '@keyv/redis', 'ioredis']

export async function describeEnvironment(): Promise<Environment> {
  const processors = cpus()
  const own = PACKAGES.map((name) => [name, versionOf(`../../node_modules/${name}`)] as const)
  const peers = PEER_PACKAGES.map((name) => [`${name} (peers)`, versionOf(`../node_modules/${name}`)] as const)
  return {
    date: new Date().toISOString(),
    machine: {
      name: processors[0]?.model.trim() ?? 'unknown',
      processors: processors.length,
      memoryGb: Math.round(totalmem() / 2 ** 30),
      system: `${platform()} ${release()} ${arch()}`,
    },
    busyShare: await busyShare(),
    versions: { node: process.versions.node, ...Object.fromEntries(own), ...Object.fromEntries(peers) },
    commit: commit(),
  }
}

async function busyShare(): Promise<number> {
  const spent = () => {
    const all = cpus().flatMap(({ times }) => Object.entries(times))
    const sum = (entries: typeof all) => entries.reduce((total, [, ms]) => total + ms, 0)
    return { idle: sum(all.filter(([kind]) => kind === 'idle')), whole: sum(all) }
  }
  const before = spent()
  await delay(SAMPLE_MS)
  const after = spent()
  return Math.round((1 - (after.idle - before.idle) / (after.whole - before.whole)) * 100) / 100
}

function versionOf(folder: string): string {
  try {
    return (JSON.parse(readFileSync(new URL(`${folder}/package.json`, import.meta.url), 'utf8')) as { version: string })
      .version
  } catch {
    return 'absent'
  }
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  } catch {
    return 'unknown'
  }
}

/** For a file's name: `2026-11-24-intel-xeon-2cpu`. */
export function fileNameOf({ date, machine }: Environment): string {
  const name = machine.name.toLowerCase().replace(/\(r\)|\(tm\)|cpu|processor|@.*$/g, ' ')
  const words = name.split(/[^a-z0-9]+/).filter((word) => word !== '')
  return [date.slice(0, 10), ...words.slice(0, 3), `${machine.processors}cpu`].join('-')
}
