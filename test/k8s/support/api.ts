/** The service itself beside the pods, as src/main.ts, with a PostgreSQL of its own and the names of a client. */
import { createWriteStream, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { createGuardedProcesses } from '../../../src/local/guarded-processes.ts'
import { createPostgresServer } from '../../../src/local/postgres-server.ts'
import { createTokenIssuer } from '../../../src/local/token-issuer.ts'
import { applyMigrations } from '../../../src/postgres/migrate.ts'
import { type Cluster, eventually } from './cluster.ts'
import { spawnWithNames } from './container.ts'
import { PASSWORDS } from './secrets.ts'
import { namespaceCommand } from './tools.ts'

const main = fileURLToPath(new URL('../../../src/main.ts', import.meta.url))
const IDENTITY = { issuer: 'https://drill.test', audience: 'portcullis' }

export interface Api {
  readonly url: string
  /** False once the process has ended: there is nobody to restart it. */
  readonly running: boolean
  token(subject: string, ...roles: ('admin' | 'cache-admin')[]): Promise<string>
  log(): string
  stop(): Promise<void>
}

interface Ports {
  readonly postgres: number
  readonly api: number
}

export async function startApi(
  cluster: Cluster,
  ports: Ports,
  env: Readonly<Record<string, string>> = {},
): Promise<Api> {
  const processes = createGuardedProcesses()
  return start({ cluster, ports, env, processes }).catch(async (error) => {
    await processes.close()
    throw error
  })
}

async function start(input: {
  readonly cluster: Cluster
  readonly ports: Ports
  readonly env: Readonly<Record<string, string>>
  readonly processes: ReturnType<typeof createGuardedProcesses>
}): Promise<Api> {
  const { cluster, ports, env, processes } = input
  const folder = path.join(cluster.folder, 'api')
  const at = (name: string): string => path.join(folder, name)
  mkdirSync(folder, { recursive: true })
  const postgres = createPostgresServer({
    processes,
    dataDir: folder,
    logDir: folder,
    port: ports.postgres,
    durability: 'memory',
    onExit: () => {},
    onStart: () => {},
  })
  await postgres.start()
  await applyMigrations(postgres.databaseUrl)
  const issuer = await createTokenIssuer({ keysDir: at('keys'), ...IDENTITY })

  const names = cluster.names('client')
  writeFileSync(
    at('hosts'),
    `127.0.0.1 localhost\n${Object.entries(names)
      .map(([name, ip]) => `${ip} ${name}\n`)
      .join('')}`,
  )
  writeFileSync(at('resolv.conf'), 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n')
  writeFileSync(at('redis-password'), PASSWORDS.app)
  const child = spawnWithNames(
    { namespace: namespaceCommand() ?? [], hostsFile: at('hosts'), resolvFile: at('resolv.conf') },
    [process.execPath, main],
    {
      PATH: process.env.PATH,
      NODE_ENV: 'development',
      PORT: String(ports.api),
      DATABASE_URL: postgres.databaseUrl,
      REDIS_SENTINELS: Object.keys(names)
        .map((name) => `${name}:26379`)
        .join(','),
      REDIS_USERNAME: 'app',
      SENTINEL_USERNAME: 'app',
      REDIS_PASSWORD_FILE: at('redis-password'),
      SENTINEL_PASSWORD_FILE: at('redis-password'),
      CURSOR_SECRET: 'b7f1c05e9d2a48e36f10a97c5d84be21',
      JWT_ISSUER: IDENTITY.issuer,
      JWT_AUDIENCE: IDENTITY.audience,
      JWT_PUBLIC_KEY_FILE: issuer.publicKeyFile,
      ...env,
    },
  )
  let running = true
  const exited = new Promise<void>((resolve) =>
    child.once('exit', () => {
      running = false
      resolve()
    }),
  )
  const log = createWriteStream(at('api.log'))
  child.stdout?.pipe(log)
  child.stderr?.pipe(log)
  const url = `http://127.0.0.1:${ports.api}`
  await eventually(async () => (await fetch(`${url}/readyz`)).ok, 30_000).catch((error) => {
    child.kill('SIGKILL')
    throw error
  })

  return {
    url,
    get running() {
      return running
    },
    token: (subject, ...roles) => issuer.issue({ subject, roles, ttlSeconds: 3600 }),
    log: () => readFileSync(at('api.log'), 'utf8'),
    async stop() {
      child.kill('SIGTERM')
      await exited
      await postgres.stop()
      await processes.close()
    },
  }
}
