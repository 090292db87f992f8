/** `npm start`: the whole system on loopback until Ctrl-C. */
import path from 'node:path'
import { ApiEndedError, type ApiProcess, startApi } from '../local/api-process.ts'
import { portsFrom } from '../local/ports.ts'
import { loadSampleOrganisation } from '../local/sample-loader.ts'
import { type LocalSettings, MASTER_NAME, readLocalSettings } from '../local/settings.ts'
import { type LocalStack, startStack } from '../local/stack.ts'
import { createSupervisor } from '../local/supervisor.ts'
import { createTokenIssuer, readOrCreateSecret, type TokenIssuer } from '../local/token-issuer.ts'
import { welcome } from '../local/welcome.ts'
import { MigrationError } from '../postgres/migrate.ts'

const TOKEN_TTL_SECONDS = 12 * 3_600
/** Longer than the API takes to finish what it is doing. */
const API_GRACE_MS = 10_000

const say = (message: string) => console.log(`[portcullis] ${message}`)
let stack: LocalStack | undefined
let api: ApiProcess | undefined
let stopping: Promise<never> | undefined

const supervisor = createSupervisor({
  restart: async (name) => stack?.restart(name),
  log: say,
  giveUp: (message) => void stop(1, message),
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
    log: say,
    onUnexpectedExit: supervisor.onUnexpectedExit,
  })
  if (stopping) return
  api = await startApi({
    stack,
    port: settings.apiPort,
    env: apiEnvironment(stack, settings, issuer),
    warn: (line) => console.error(`[api] ${line}`),
  })
  const { process: apiProcess, logFile } = api
  void apiProcess.exited.then((exit) => {
    if (!stopping) void stop(1, new ApiEndedError(exit, logFile).message)
  })
  await fillIfEmpty(stack, api, issuer)
  say(`everything is up after ${((performance.now() - startedAt) / 1000).toFixed(1)} s`)
  console.log(await welcomeFor(stack, api, issuer, settings))
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
  return welcome({
    apiUrl: ready.url,
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

/** The API first, so that nobody is served by half a system; the first call decides the exit code. */
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

/** Our own errors are messages for people; of all others the trace helps. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error instanceof MigrationError)
    return `${error.message}\nIf the data in .portcullis is of no worth to you: delete that folder and start again.`
  return 'code' in error ? error.message : (error.stack ?? error.message)
}
