/** The settings of the local stack: those that the environment may change, and the fixed ones. */
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { stillRuns } from './process-identity.ts'
import { readState } from './stack-state.ts'

export const ISSUER = 'https://portcullis.local'
export const AUDIENCE = 'portcullis'
export const MASTER_NAME = 'mymaster'

const root = fileURLToPath(new URL('../..', import.meta.url))

export interface LocalSettings {
  readonly apiPort: number
  readonly portBase: number
  readonly dataDir: string
  readonly toolsDir: string
  readonly keysDir: string
  readonly issuer: string
  readonly audience: string
  /** Set when the database, or Redis, is an existing server. */
  readonly databaseUrl: string | undefined
  readonly redis: 'own' | 'external'
}

export class SettingError extends Error {
  readonly code = 'bad-setting'
}

/** @throws SettingError naming the variable and what it takes */
export function readLocalSettings(env: NodeJS.ProcessEnv): LocalSettings {
  const dataDir = path.join(root, '.portcullis')
  return {
    apiPort: readPort(env, 'PORT', { fallback: 3000, highest: 65_535 }),
    portBase: readPort(env, 'LOCAL_PORT_BASE', { fallback: 15_400, highest: 65_529 }),
    dataDir,
    toolsDir: path.join(dataDir, 'tools'),
    keysDir: path.join(dataDir, 'keys'),
    issuer: env.JWT_ISSUER || ISSUER,
    audience: env.JWT_AUDIENCE || AUDIENCE,
    databaseUrl: env.DATABASE_URL || undefined,
    redis: env.REDIS_SENTINELS || env.REDIS_URL ? 'external' : 'own',
  }
}

/**
 * The settings of the stack that runs, for commands in another terminal: what it was started with counts, unless this
 * environment says otherwise.
 */
export function readRunningSettings(env: NodeJS.ProcessEnv): LocalSettings & { readonly apiUrl: string } {
  const settings = readLocalSettings(env)
  const state = readState(settings.dataDir)
  const api = state?.processes.find(({ name }) => name === 'api')
  // Also while the API is restarting: the rest of the stack is up.
  const running = state?.processes.some(stillRuns) ?? false
  const atPort = `http://127.0.0.1:${settings.apiPort}`
  return {
    ...settings,
    issuer: env.JWT_ISSUER || (running && state?.tokens?.issuer) || settings.issuer,
    audience: env.JWT_AUDIENCE || (running && state?.tokens?.audience) || settings.audience,
    apiUrl: env.PORT ? atPort : (running && api?.url) || atPort,
  }
}

function readPort(env: NodeJS.ProcessEnv, name: string, options: { fallback: number; highest: number }): number {
  const text = env[name]
  if (text === undefined || text === '') return options.fallback
  const port = Number(text)
  if (!/^\d+$/.test(text) || port < 1 || port > options.highest)
    throw new SettingError(`${name}=${text} is not a port: it takes a number from 1 to ${options.highest}`)
  return port
}
