/** `npm start`: the whole system on loopback until Ctrl-C. */
import path from 'node:path'
import { type ApiProcess, startApi } from '../local/api-process.ts'
import { consoleGrantFile, writeConsoleGrant } from '../local/console-link.ts'
import { portsFrom } from '../local/ports.ts'
import { loadSampleOrganisation } from '../local/sample-loader.ts'
import { type LocalSettings, MASTER_NAME, readLocalSettings, SettingError } from '../local/settings.ts'
import { type LocalStack, type ServerName, startStack } from '../local/stack.ts'
import { createSupervisor } from '../local/supervisor.ts'
import { createTokenIssuer, readOrCreateSecret, type TokenIssuer } from '../local/token-issuer.ts'
import { welcome } from '../local/welcome.ts'
import { MigrationError } from '../postgres/migrate.ts'
import { parseDatabaseUrl } from '../postgres/servers.ts'
import { createScript } from './script.ts'

const TOKEN_TTL_SECONDS = 12 * 3_600
/** Longer than the API takes to finish what it is doing. */
const API_GRACE_MS = 10_000

const ENVIRONMENT_HELP = `
Environment: PORT (3000) of the API, LOCAL_PORT_BASE (15400) of PostgreSQL, Redis and Sentinels;
DATABASE_URL, REDIS_SENTINELS or REDIS_URL for existing servers.`

const say = (message: string) => console.log(`[portcullis] ${message}`)
let stack: LocalStack | undefined
let api: ApiProcess | undefined
let startApiAgain: (() => Promise<void>) | undefined
let stopping: Promise<never> | undefined

const { resetSample } = createScript('npm start --', 'Runs the whole system on loopback until Ctrl-C.')
  .option('--reset-sample', 'first delete all stored data, the audit trail included, and load the sample again')
  .addHelpText('after', ENVIRONMENT_HELP)
  .parse()
  .opts<{ resetSample?: true }>()

const supervisor = createSupervisor<ServerName | 'api'>({
  async restart(name) {
    if (!stack || !startApiAgain) throw new Error('the rest is still starting')
    await (name === 'api' ? startApiAgain() : stack.restart(name))
  },
  log: say,
})

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => void stop(0, `${signal}: stopping`))
// The terminal that we print to may be gone before we are.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

try {
  await start(readLocalSettings(process.env))
} catch (error) {
  await stop(1, explain(error))
}

async function start(settings: LocalSettings): Promise<void> {
  const startedAt = performance.now()
  sayWhatIsExternal(settings)
  const portRemedy = `Stop what uses it, or choose others: LOCAL_PORT_BASE=${settings.portBase + 1_000} npm start`
  const apiPort = {
    port: settings.apiPort,
    purpose: 'the API',
    remedy: `Stop what uses it, or choose another: PORT=${settings.apiPort + 1} npm start`,
  }
  const issuer = await createTokenIssuer(settings)
  stack = await startStack({
    dataDir: settings.dataDir,
    toolsDir: settings.toolsDir,
    ports: portsFrom(settings.portBase),
    portRemedy,
    furtherPorts: [apiPort],
    durability: 'disk',
    masterName: MASTER_NAME,
    databaseUrl: settings.databaseUrl,
    redis: settings.redis,
    database: resetSample ? 'recreate' : 'keep',
    absentRedis: 'is-logged',
    tokens: { issuer: settings.issuer, audience: settings.audience },
    log: say,
    onUnexpectedExit: supervisor.onUnexpectedExit,
  })
  if (stopping) return
  const running = stack
  const runApi = async (until: 'ready' | 'listening') => {
    api = await startApi({
      stack: running,
      port: settings.apiPort,
      env: apiEnvironment(running, settings, issuer),
      warn: (line) => console.error(`[api] ${line}`),
      until,
    })
    void api.process.exited.then((exit) => supervisor.onUnexpectedExit('api', exit))
    return api
  }
  startApiAgain = async () => void (await runApi('listening'))
  const ready = await runApi('ready')
  await fillIfEmpty(stack, ready, issuer)
  say(`everything is up after ${((performance.now() - startedAt) / 1000).toFixed(1)} s`)
  console.log(await welcomeFor(stack, ready, issuer, settings))
}

/** Both come from the environment, where another project may have left them. */
function sayWhatIsExternal({ databaseUrl, redis }: LocalSettings): void {
  if (databaseUrl !== undefined && resetSample)
    throw new SettingError(
      '--reset-sample is for the local PostgreSQL: DATABASE_URL names another, which is left alone',
    )
  if (databaseUrl !== undefined) say(`PostgreSQL: ${hostsOf(databaseUrl)}, because DATABASE_URL is set`)
  if (redis === 'external')
    say(`Redis: an existing one, because ${process.env.REDIS_URL ? 'REDIS_URL' : 'REDIS_SENTINELS'} is set`)
}

function hostsOf(databaseUrl: string): string {
  try {
    return parseDatabaseUrl(databaseUrl)
      .servers.map(({ host, port }) => `${host}:${port}`)
      .join(' ')
  } catch (error) {
    throw new SettingError(`DATABASE_URL ${(error as Error).message}; without it a PostgreSQL is started here`)
  }
}

function apiEnvironment(running: LocalStack, settings: LocalSettings, issuer: TokenIssuer): NodeJS.ProcessEnv {
  const sentinels = running.sentinels.map(({ host, port }) => `${host}:${port}`).join(',')
  return {
    ...process.env,
    DATABASE_URL: running.databaseUrl,
    ...(sentinels === '' ? {} : { REDIS_SENTINELS: sentinels, REDIS_MASTER_NAME: running.masterName }),
    JWT_ISSUER: settings.issuer,
    JWT_AUDIENCE: settings.audience,
    JWT_PUBLIC_KEY_FILE: issuer.publicKeyFile,
    CONSOLE_SIGN_IN_FILE: consoleGrantFile(settings),
    CURSOR_SECRET: process.env.CURSOR_SECRET ?? readOrCreateSecret(path.join(settings.keysDir, 'cursor-secret')),
  }
}

async function fillIfEmpty(running: LocalStack, ready: ApiProcess, issuer: TokenIssuer): Promise<void> {
  const adminToken = await issuer.issue({ subject: 'local-setup', roles: ['admin'], ttlSeconds: 60 })
  const counts = await loadSampleOrganisation({ databaseUrl: running.databaseUrl, apiUrl: ready.url, adminToken })
  if (counts)
    say(
      `sample organisation loaded: ${counts.users.total} users, ${counts.groups.total} groups, ${counts.resources.total} resources`,
    )
}

async function welcomeFor(
  running: LocalStack,
  ready: ApiProcess,
  issuer: TokenIssuer,
  settings: LocalSettings,
): Promise<string> {
  const { redis, sentinels } = running.ports
  const forConsole = { subject: 'you', roles: ['admin', 'cache-admin'] as const, ttlSeconds: TOKEN_TTL_SECONDS }
  const code = writeConsoleGrant(consoleGrantFile(settings), await issuer.issue(forConsole))
  return welcome({
    apiUrl: ready.url,
    consoleUrl: `${ready.url}/console#code=${code}`,
    databaseUrl: running.databaseUrl,
    redis: running.sentinels.length > 0 ? { masterName: running.masterName, servers: redis, sentinels } : null,
    dataDir: settings.dataDir,
    postgresHome: running.postgresHome === running.dataDir ? null : running.postgresHome,
    logFile: ready.logFile,
    tokens: {
      alice: await issuer.issue({ subject: 'alice', roles: [], ttlSeconds: TOKEN_TTL_SECONDS }),
      cacheAdmin: await issuer.issue({ subject: 'carol', roles: ['cache-admin'], ttlSeconds: TOKEN_TTL_SECONDS }),
    },
  })
}

/** The API first, so that no request is served by half a system; the first call decides the exit code. */
function stop(code: number, reason: string): Promise<never> {
  stopping ??= (async () => {
    supervisor.rest()
    ;(code === 0 ? console.log : console.error)(`[portcullis] ${reason}`)
    await api?.process.stop(API_GRACE_MS)
    await stack?.stop()
    if (code === 0) say('everything is stopped; the data stays in .portcullis')
    process.exit(code)
  })()
  return stopping
}

/** Our own errors are messages for people; for all others the stack trace helps. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error instanceof MigrationError)
    return `${error.message}\nIf you do not need the data in .portcullis, delete that folder and start again.`
  if ('code' in error && error.code === 'ENOSPC') return `the disk that holds this checkout is full: ${error.message}`
  return 'code' in error ? error.message : (error.stack ?? error.message)
}
