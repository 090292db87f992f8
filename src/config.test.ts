import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { COMPLETE, problemsOf, SECRET } from './config.fixture.ts'
import { loadConfig } from './config.ts'

function fileWith(content: string): string {
  const path = join(mkdtempSync(join(tmpdir(), 'config-')), 'secret')
  writeFileSync(path, content)
  return path
}

describe('issuers', () => {
  const { JWT_JWKS_URL: _, ...WITHOUT_KEYS } = COMPLETE

  it('need no key set where they can be asked for it', () => {
    expect(problemsOf(WITHOUT_KEYS)).toEqual([])
    expect(problemsOf({ ...WITHOUT_KEYS, JWT_ISSUER: 'http://127.0.0.1:8080/realm' })).toEqual([])
    for (const issuer of [
      'http://idp.example.com',
      'our-idp',
      'https://idp.example.com/?tenant=1',
      'https://u@idp.example',
    ])
      expect(problemsOf({ ...WITHOUT_KEYS, JWT_ISSUER: issuer }), issuer).toEqual([
        expect.stringContaining('JWT_JWKS_URL is not set'),
      ])
  })

  it('may be several, each with its own audience and claims', () => {
    const other = { issuer: 'https://other.test/', audience: 'api', userClaim: 'oid', userPrefix: 'other:' }
    expect(loadConfig({ ...COMPLETE, JWT_OTHER_ISSUERS: JSON.stringify([other]) }).jwt.otherIssuers).toEqual([
      { ...other, rolesClaim: 'roles', algorithms: ['ES256', 'RS256', 'EdDSA', 'Ed25519'] },
    ])
  })

  it.each([
    ['nonsense', 'must be a JSON list of issuers'],
    ['{}', 'must be a JSON list of issuers'],
    ['[{"issuer":"https://other.test"}]', 'at 0.audience'],
    ['[{"issuer":"https://other.test","audience":"a","extra":1}]', 'at 0'],
    ['[{"issuer":"https://other.test","audience":"a","algorithms":["HS256"]}]', 'at 0.algorithms.0'],
    ['[{"issuer":"other","audience":"a"}]', 'needs a jwksUrl'],
    ['[{"issuer":"https://portcullis.test","audience":"a"}]', 'names an issuer twice'],
  ])('are refused as %s', (value, why) => {
    expect(problemsOf({ ...COMPLETE, JWT_OTHER_ISSUERS: value })).toEqual([expect.stringContaining(why)])
  })

  it('give their keys over https in production', () => {
    const others = JSON.stringify([{ issuer: 'x', audience: 'a', jwksUrl: 'http://idp.example.com/jwks' }])
    expect(problemsOf({ ...COMPLETE, NODE_ENV: 'production', JWT_OTHER_ISSUERS: others })).toEqual([
      expect.stringContaining('JWT_OTHER_ISSUERS must start with https://'),
    ])
  })
})

describe('names of actions', () => {
  it('are the permissions and those of the examples in the field, or exactly those given', () => {
    const of = (given?: string) => [...loadConfig({ ...COMPLETE, AUTHZEN_ACTIONS: given }).access.actions]
    expect(of()).toEqual([
      ['read', 'read'],
      ['triage', 'triage'],
      ['write', 'write'],
      ['maintain', 'maintain'],
      ['admin', 'admin'],
      ['view', 'read'],
      ['edit', 'write'],
      ['delete', 'admin'],
    ])
    expect(of('can_read=read, read=read')).toEqual([
      ['can_read', 'read'],
      ['read', 'read'],
    ])
  })

  it.each([
    ['view', 'must be a list of name=permission'],
    ['view=see', 'must be a list of name=permission'],
    ['=read', 'must be a list of name=permission'],
    ['a=read=write', 'must be a list of name=permission'],
    ['view=read,', 'must be a list of name=permission'],
    ['view=read,view=write', 'names an action twice'],
    ['read=admin', 'gives the name of one permission to another'],
  ])('are refused as %s', (value, why) => {
    expect(problemsOf({ ...COMPLETE, AUTHZEN_ACTIONS: value })).toEqual([expect.stringContaining(why)])
  })
})

describe('the public address', () => {
  it('is kept without a slash at its end, and has nothing behind the path', () => {
    const { http } = loadConfig({ ...COMPLETE, PUBLIC_URL: 'https://pdp.example.com/tenant1/' })
    expect(http.publicUrl).toBe('https://pdp.example.com/tenant1')
    for (const url of ['pdp.example.com', 'https://pdp.example.com/?a=b', 'https://pdp.example.com/#a', 'ftp://x'])
      expect(problemsOf({ ...COMPLETE, PUBLIC_URL: url }), url).toHaveLength(1)
  })
})

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
    expect(config.jwt.algorithms).toEqual(['ES256', 'RS256', 'EdDSA', 'Ed25519'])
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
    expect(password).toSatisfy((read) => typeof read === 'function' && read() === 'new')
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
    ['https://idp.test:6000/jwks', 'a port that HTTP clients refuse'],
    ['http://127.0.0.1:25/jwks', 'a port that HTTP clients refuse'],
    ['http://idp.test:0/jwks', 'a port that HTTP clients refuse'],
    ['https://user:hunter2@idp.test/jwks', 'must not contain a user name'],
    ['https://user@idp.test/jwks', 'must not contain a user name'],
    ['file:///etc/jwks.json', 'must be a URL that starts with https:// or http://'],
    ['data:application/json,{}', 'must be a URL that starts with https:// or http://'],
    ['idp.test/jwks', 'must be a URL that starts with https:// or http://'],
  ])('refuses the key set address %s, which could never be fetched', (url, why) => {
    expect(problemsOf({ ...COMPLETE, JWT_JWKS_URL: url })).toEqual([expect.stringContaining(why)])
  })

  it('blocks the very ports that fetch does', async () => {
    for (const port of [1, 25, 443, 563, 587, 2049, 3000, 5060, 6000, 6665, 8080, 8443, 10_080]) {
      const url = `http://127.0.0.1:${port}/`
      const refusal = await fetch(url).catch((error: Error) => (error.cause as Error)?.message)
      expect([port, problemsOf({ ...COMPLETE, JWT_JWKS_URL: url }).length]).toEqual([
        port,
        refusal === 'bad port' ? 1 : 0,
      ])
    }
  })

  it('knows Ed25519 by the name of RFC 9864', () => {
    expect(loadConfig({ ...COMPLETE, JWT_ALGORITHMS: 'Ed25519' }).jwt.algorithms).toEqual(['Ed25519'])
    expect(loadConfig(COMPLETE).jwt.algorithms).toContain('Ed25519')
  })

  it.each(['03000', '+3000', ' 3000', '3e3', '3000.0'])('refuses %j for a number: one number, one spelling', (port) => {
    expect(problemsOf({ ...COMPLETE, PORT: port })).toHaveLength(1)
  })

  it.each(['nonsense', '10.0.0.0/33', '10.0.0.0/8/8', '10.0.0.0/', 'true'])(
    'refuses %j for trusted proxies',
    (proxies) => {
      expect(problemsOf({ ...COMPLETE, TRUST_PROXY: proxies })).toEqual([expect.stringMatching(/^TRUST_PROXY must/)])
    },
  )

  it.each([
    ['postgresql://one:x,two/name', 'must list its servers as host:port,host:port'],
    ['postgresql://one,two/name?target_session_attrs=any', 'target_session_attrs other than primary and read-write'],
  ])('says what is wrong with a list of database servers: %s', (url, reason) => {
    expect(problemsOf({ ...COMPLETE, DATABASE_URL: url })).toEqual([expect.stringContaining(reason)])
    const servers = 'postgresql://ann@one,two:5433/name?target_session_attrs=primary'
    expect(problemsOf({ ...COMPLETE, DATABASE_URL: servers })).toEqual([])
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

describe('the sign-in of the console', () => {
  const oidc = { ...COMPLETE, JWT_ISSUER: 'https://id.example/realm', CONSOLE_OIDC_CLIENT_ID: 'console' }

  it('is off without a client, and is at the issuer of the tokens where no other is named', () => {
    expect(loadConfig(COMPLETE).consoleSignIn).toBeUndefined()
    expect(loadConfig(oidc).consoleSignIn).toEqual({
      issuer: 'https://id.example/realm',
      clientId: 'console',
      scope: 'openid',
      resource: undefined,
    })
  })

  it.each([
    [{ CONSOLE_OIDC_SCOPE: 'profile' }, 'must contain openid'],
    [{ CONSOLE_OIDC_RESOURCE: 'portcullis' }, 'must be an absolute URI'],
    [{ CONSOLE_OIDC_ISSUER: 'http://id.example' }, 'must be the https address of an issuer'],
    [{ CONSOLE_OIDC_ISSUER: 'https://other.example' }, 'its tokens would be refused'],
    [{ JWT_ISSUER: 'realm', JWT_JWKS_URL: 'https://id.example/keys' }, 'needs CONSOLE_OIDC_ISSUER'],
    [{ CONSOLE_OIDC_CLIENT_ID: '', CONSOLE_OIDC_SCOPE: 'openid' }, 'has no effect without CONSOLE_OIDC_CLIENT_ID'],
  ])('is refused at the start as %o', (wrong, why) => {
    expect(problemsOf({ ...oidc, ...wrong })).toEqual([expect.stringContaining(why)])
  })
})
