/** The benchmark's own servers on loopback: PostgreSQL, three Redis, three Sentinels, on free ports, data kept between runs. */
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { findFreeBase, portsFrom } from '../../src/local/ports.ts'
import { REDIS_NAMES } from '../../src/local/redis-names.ts'
import { AUDIENCE, ISSUER } from '../../src/local/settings.ts'
import { type LocalStack, startStack } from '../../src/local/stack.ts'
import { createTokenIssuer, type TokenIssuer } from '../../src/local/token-issuer.ts'
import { shippedMigrations } from '../../src/postgres/migrate.ts'
import { pinSelf } from './processor.ts'

const root = fileURLToPath(new URL('../../.portcullis/', import.meta.url))
const PORTS = { from: 28_000, to: 28_900, servers: 7, programs: 60 }

export interface BenchStack {
  readonly local: LocalStack
  readonly issuer: TokenIssuer & { readonly issuer: string; readonly audience: string }
  readonly cursorSecret: string
  nextPort(): number
  masterPort(): Promise<number>
  /** Tokens of these users, as request headers. */
  headersOf(users: readonly string[]): Promise<Record<string, string>[]>
  stop(): Promise<void>
}

const TOKEN_TTL_SECONDS = 6 * 3600

export async function startBenchStack(log: (line: string) => void): Promise<BenchStack> {
  pinSelf('load')
  const dataDir = await folderOfThisSchema()
  const base = await findFreeBase({ count: PORTS.servers + PORTS.programs, from: PORTS.from, to: PORTS.to })
  const identity = { issuer: ISSUER, audience: AUDIENCE }
  const issuer = await createTokenIssuer({ keysDir: path.join(dataDir, 'keys'), ...identity })
  const local = await startStack({
    dataDir,
    toolsDir: path.join(root, 'tools'),
    ports: portsFrom(base),
    portRemedy: 'Run the benchmark again: it looks for free ports.',
    durability: 'disk',
    log,
  })
  let port = base + PORTS.servers
  return {
    local,
    issuer: { ...issuer, ...identity },
    cursorSecret: 'a secret that only benchmarks know, 32 bytes or more',
    nextPort: () => port++,
    async masterPort() {
      const master = await local.master()
      return local.ports.redis[REDIS_NAMES.indexOf(master)] ?? local.ports.redis[0]
    },
    headersOf: (users) =>
      Promise.all(
        users.map(async (subject) => {
          const roles = subject === 'root' ? (['admin', 'cache-admin'] as const) : []
          const token = await issuer.issue({ subject, roles, ttlSeconds: TOKEN_TTL_SECONDS })
          return { authorization: `Bearer ${token}`, 'x-reader': subject }
        }),
      ),
    stop: () => local.stop(),
  }
}

/** Data of another schema is of no use, and would have to be migrated; what is kept is of this one. */
async function folderOfThisSchema(): Promise<string> {
  const migrations = await shippedMigrations()
  const hash = createHash('sha256').update(migrations.map(({ checksum }) => checksum).join())
  const name = hash.digest('hex').slice(0, 12)
  const parent = path.join(root, 'bench')
  mkdirSync(parent, { recursive: true, mode: 0o711 })
  for (const other of readdirSync(parent)) if (other !== name) rmSync(path.join(parent, other), { recursive: true })
  return path.join(parent, name)
}
