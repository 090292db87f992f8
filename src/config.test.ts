import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ConfigError, loadConfig } from './config.ts'

const SECRET = 'q7Rk2vX9mB4tZ8wL1nC6yH3jF5sD0gPa'
const COMPLETE = {
  DATABASE_URL: 'postgresql://portcullis@127.0.0.1:5432/portcullis',
  REDIS_SENTINELS: '127.0.0.1:26379, [::1]:26380',
  JWT_ISSUER: 'https://portcullis.test',
  JWT_AUDIENCE: 'portcullis',
  JWT_JWKS_URL: 'https://portcullis.test/jwks',
  CURSOR_SECRET: SECRET,
}

function problemsOf(environment: Record<string, string | undefined>): readonly string[] {
  try {
    loadConfig(environment)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

function fileWith(content: string): string {
  const path = join(mkdtempSync(join(tmpdir(), 'config-')), 'secret')
  writeFileSync(path, content)
  return path
}

describe('the configuration', () => {
  it('is complete with six variables and documented defaults for the rest', () => {
    const config = loadConfig(COMPLETE)
    expect(config.http).toMatchObject({
      host: '127.0.0.1',
      port: 3000,
      metricsPort: undefined,
      requestBudgetMs: 5000,
      trustProxy: false,
    })
    expect(config.redis.sentinels).toEqual([
      { host: '127.0.0.1', port: 26379 },
      { host: '::1', port: 26380 },
    ])
    expect(config.outage).toEqual({ shortMs: 30_000, volatileMs: 300_000, fullMs: 1_800_000 })
    expect(config.jwt.algorithms).toEqual(['ES256', 'RS256', 'EdDSA'])
  })

  it('lists every problem at once, each with its variable and what to do', () => {
    const problems = problemsOf({
      PORT: '99999',
      LOG_LEVEL: 'loud',
      OUTAGE_SHORT_MS: '400000',
      TRUST_PROXY: 'true',
      LOG_LEVLE: 'info',
    })
    const named = (variable: string) => problems.filter((problem) => problem.startsWith(variable))
    for (const variable of [
      'PORT',
      'LOG_LEVEL',
      'DATABASE_URL',
      'REDIS_SENTINELS',
      'JWT_ISSUER',
      'JWT_AUDIENCE',
      'JWT_JWKS_URL',
      'CURSOR_SECRET',
      'TRUST_PROXY',
      'OUTAGE_SHORT_MS',
    ])
      expect(named(variable), variable).toHaveLength(1)
    expect(problems).toContain('LOG_LEVLE is not a setting: did you mean LOG_LEVEL?')
    expect(named('CURSOR_SECRET')[0]).toContain('openssl rand')
  })

  it('takes an empty value as absent', () => {
    expect(loadConfig({ ...COMPLETE, METRICS_PORT: '', PORT: '' }).http).toMatchObject({
      port: 3000,
      metricsPort: undefined,
    })
  })

  it.each([
    ['equal', '30000', '30000', '1800000'],
    ['falling', '30000', '1800000', '300000'],
  ])('refuses outage thresholds that are %s', (_how, short, volatile, full) => {
    expect(
      problemsOf({ ...COMPLETE, OUTAGE_SHORT_MS: short, OUTAGE_VOLATILE_MS: volatile, OUTAGE_FULL_MS: full }),
    ).toEqual([expect.stringContaining('must increase')])
  })

  it('reads a secret from a file, without the newline an editor left', () => {
    const { CURSOR_SECRET: _, ...rest } = COMPLETE
    expect(loadConfig({ ...rest, CURSOR_SECRET_FILE: fileWith(`${SECRET}\n`) }).cursorSecret).toBe(SECRET)
  })

  it('uses the first of the two passwords that a file holds while they rotate', () => {
    const { password } = loadConfig({ ...COMPLETE, REDIS_PASSWORD_FILE: fileWith('new\nold\n') }).redis
    expect(password).toBe('new')
  })

  it('says which secret file cannot be read, is empty, or competes with a value', () => {
    expect(problemsOf({ ...COMPLETE, REDIS_PASSWORD_FILE: '/nowhere/at/all' })).toEqual([
      expect.stringContaining('REDIS_PASSWORD_FILE: the file cannot be read (ENOENT)'),
    ])
    expect(problemsOf({ ...COMPLETE, REDIS_PASSWORD_FILE: fileWith('') })).toContain(
      'REDIS_PASSWORD_FILE: the file is empty',
    )
    expect(problemsOf({ ...COMPLETE, CURSOR_SECRET_FILE: fileWith(SECRET) })).toEqual([
      expect.stringContaining('both set'),
    ])
  })

  it.each([
    'short',
    'your-256-bit-secret',
    'secretsecretsecretsecretsecretsecret',
    'changeme-changeme-changeme-changeme-1234',
    'a'.repeat(64),
  ])('refuses a cursor secret that is short or known: %s', (secret) => {
    const problems = problemsOf({ ...COMPLETE, CURSOR_SECRET: secret })
    expect(problems.length).toBeGreaterThan(0)
    for (const problem of problems) expect(problem).toMatch(/^CURSOR_SECRET is (shorter|publicly known)/)
  })

  it('never repeats a value that may be secret', () => {
    const values = {
      DATABASE_URL: 'mysql://root:hunter2@db/x',
      CURSOR_SECRET: 'hunter3',
      REDIS_URL: 'http://:hunter4@redis',
      JWT_JWKS_URL: 'ftp://hunter5',
    }
    expect(problemsOf({ ...COMPLETE, ...values }).join('\n')).not.toMatch(/hunter/)
  })

  it('refuses what only development may use, in production', () => {
    const { JWT_JWKS_URL: _, ...rest } = COMPLETE
    const file = fileWith('{"keys":[]}')
    expect(problemsOf({ ...rest, JWT_PUBLIC_KEY_FILE: file })).toEqual([])
    expect(problemsOf({ ...rest, JWT_PUBLIC_KEY_FILE: file, NODE_ENV: 'production' })).toEqual([
      expect.stringContaining('JWT_PUBLIC_KEY_FILE is for development'),
    ])
    expect(
      problemsOf({
        ...COMPLETE,
        NODE_ENV: 'production',
        JWT_JWKS_URL: 'http://idp.example.com/jwks',
        REDIS_PASSWORD: 'secret',
      }),
    ).toEqual([
      expect.stringContaining('JWT_JWKS_URL must start with https://'),
      expect.stringContaining('REDIS_PASSWORD is publicly known'),
    ])
  })

  it.each(['HS256', 'none', 'ES256,HS512', ''])('refuses shared-secret and absent algorithms: %j', (algorithms) => {
    const problems = problemsOf({ ...COMPLETE, JWT_ALGORITHMS: algorithms })
    expect(problems).toHaveLength(algorithms === '' ? 0 : 1)
  })

  it.each(['no-port', 'host:0', 'host:70000', ','])('refuses a Sentinel list with %j', (sentinels) => {
    expect(problemsOf({ ...COMPLETE, REDIS_SENTINELS: sentinels })).toHaveLength(1)
  })

  it('wants one way to Redis and one way to the keys, not two', () => {
    expect(problemsOf({ ...COMPLETE, REDIS_URL: 'redis://127.0.0.1', JWT_PUBLIC_KEY_FILE: fileWith('{}') })).toEqual([
      expect.stringContaining('REDIS_SENTINELS and REDIS_URL are both set'),
      expect.stringContaining('JWT_JWKS_URL and JWT_PUBLIC_KEY_FILE are both set'),
    ])
  })
})
