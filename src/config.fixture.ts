/** A configuration with which the service starts, for tests that change one thing of it. */
import { randomBytes } from 'node:crypto'
import { ConfigError, loadConfig } from './config.ts'

export const SECRET = randomBytes(32).toString('base64url')

export const COMPLETE = {
  DATABASE_URL: 'postgresql://portcullis@127.0.0.1:5432/portcullis',
  REDIS_SENTINELS: '127.0.0.1:26379, [::1]:26380',
  JWT_ISSUER: 'https://portcullis.test',
  JWT_AUDIENCE: 'portcullis',
  JWT_JWKS_URL: 'https://portcullis.test/jwks',
  CURSOR_SECRET: SECRET,
}

/** What is wrong with it; nothing where the service would start. */
export function problemsOf(environment: Record<string, string | undefined>): readonly string[] {
  try {
    loadConfig(environment)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}
