/** Reads the environment once, says everything that is wrong with it in one message, and hands out typed settings. */
import { readFileSync } from 'node:fs'
import { z } from 'zod'

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
/** Asymmetric only: with a shared secret every verifier could also sign. */
const JWT_ALGORITHMS = [
  'ES256',
  'ES384',
  'ES512',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'EdDSA',
] as const
const MIN_SECRET_BYTES = 32

/** Values that circulate in tutorials and in lists of guessable signing secrets; compared after padding is taken off. */
const KNOWN_SECRETS = [
  'secret',
  'changeme',
  'change-me',
  'changeit',
  'password',
  'default',
  'example',
  'portcullis',
  'test',
  'dev',
  'development',
  'your-256-bit-secret',
  'your-384-bit-secret',
  'your-512-bit-secret',
  'a-string-secret-at-least-256-bits-long',
  'a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long',
  'this-is-a-secret',
  'supersecret',
  'super-secret-key',
  'my-secret-key',
  'jwt-secret',
  'keyboard cat',
  'shhhhh',
  'shhhhhared-secret',
  'my_secret_key',
  'mysecret',
  'thisisasecret',
  'secretkey',
  'your_jwt_secret',
  'gcp-secret',
  'topsecret',
  '0123456789abcdef',
] as const

const wholeNumber = (bounds: { min: number; max: number }) =>
  z
    .string()
    .regex(/^\d{1,12}$/, { error: 'is not a whole number', abort: true })
    .transform(Number)
    .pipe(
      z
        .number()
        .min(bounds.min, { error: `must be at least ${bounds.min}` })
        .max(bounds.max, { error: `must be at most ${bounds.max}` }),
    )

const durationMs = (bounds: { min: number; max: number } = { min: 1, max: 86_400_000 }) => wholeNumber(bounds)

const port = wholeNumber({ min: 0, max: 65_535 })

const onOff = z
  .enum(['on', 'off', 'true', 'false', '1', '0'], { error: 'must be on or off' })
  .transform((value) => value === 'on' || value === 'true' || value === '1')

const urlOf = (...protocols: string[]) =>
  z.string().refine((value) => URL.canParse(value) && protocols.includes(new URL(value).protocol), {
    error: `must be a URL that starts with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
  })

const endpoint = z
  .string()
  .regex(/^(\[[0-9a-f:.]+\]|[^\s:[\]]+):\d{1,5}$/i, {
    error: 'must be a list of host:port, separated by commas',
    abort: true,
  })
  .transform((value) => {
    const colon = value.lastIndexOf(':')
    return { host: value.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(value.slice(colon + 1)) }
  })
  .refine(({ port: number }) => number >= 1 && number <= 65_535, { error: 'has a port outside 1–65535' })

const list = <Item extends z.ZodType<unknown, string>>(item: Item) =>
  z
    .string()
    .transform((value) =>
      value
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    )
    .pipe(z.array(item).min(1, { error: 'is an empty list' }))

/** Express's own forms: a number of hops, or addresses and subnets; `true` would let any client choose its address. */
const trustProxy = z
  .string()
  .refine((value) => value !== 'true', {
    error: 'must name hops (1) or subnets (10.0.0.0/8), not true: that trusts every client',
  })
  .transform((value): number | string | false =>
    value === 'false' ? false : /^\d+$/.test(value) ? Number(value) : value,
  )

/** Requests of one subject; 0 is no limit. */
const perMinute = wholeNumber({ min: 0, max: 1_000_000_000 })

/** As browsers send it; no wildcard, because a page anywhere could then use a token it got hold of. */
const origin = z.string().refine((value) => URL.canParse(value) && new URL(value).origin === value, {
  error: 'must be a list of origins such as https://app.example.com, without a path or a wildcard',
})

const variables = z.object({
  NODE_ENV: z
    .enum(['development', 'test', 'production'], { error: 'must be development, test or production' })
    .default('development'),
  HOST: z.string().min(1).default('127.0.0.1'),
  PORT: port.default(3000),
  METRICS_PORT: port.optional(),
  LOG_LEVEL: z.enum(LOG_LEVELS, { error: `must be one of ${LOG_LEVELS.join(', ')}` }).default('info'),

  DATABASE_URL: urlOf('postgresql:', 'postgres:'),
  DATABASE_POOL_MAX: wholeNumber({ min: 1, max: 1000 }).default(10),
  DATABASE_STATEMENT_TIMEOUT_MS: durationMs().default(2000),
  DATABASE_QUEUE_MAX: wholeNumber({ min: 0, max: 100_000 }).default(200),

  REDIS_SENTINELS: list(endpoint).optional(),
  REDIS_URL: urlOf('redis:', 'rediss:').optional(),
  REDIS_MASTER_NAME: z.string().min(1).default('mymaster'),
  REDIS_DB: wholeNumber({ min: 0, max: 1023 }).default(0),
  REDIS_USERNAME: z.string().min(1).optional(),
  REDIS_PASSWORD: z.string().min(1).optional(),
  SENTINEL_USERNAME: z.string().min(1).optional(),
  SENTINEL_PASSWORD: z.string().min(1).optional(),
  REDIS_TLS: onOff.default(false),
  REDIS_TLS_CA_FILE: z.string().min(1).optional(),
  SENTINEL_TLS: onOff.default(false),
  SENTINEL_TLS_CA_FILE: z.string().min(1).optional(),
  REDIS_BUDGET_MS: durationMs({ min: 1, max: 60_000 }).default(100),
  REQUEST_BUDGET_MS: durationMs({ min: 100, max: 600_000 }).default(5000),
  CACHE_PREFIX: z
    .string()
    .regex(/^[A-Za-z0-9_.:/-]{1,64}$/, {
      error: 'must be 1–64 letters, digits or _ . : / - (no braces, no glob characters)',
    })
    .default('portcullis:'),
  LOG_NOTIFY: onOff.default(true),
  LOG_POLL_MS: durationMs({ min: 10, max: 60_000 }).default(250),
  LOG_BOUND_MS: durationMs({ min: 100, max: 600_000 }).default(5000),
  DATABASE_GRACE_MS: durationMs({ min: 1, max: 3_600_000 }).default(30_000),
  INVALIDATION_USERS_MAX: wholeNumber({ min: 1, max: 10_000_000 }).default(100_000),
  REPLICA_READS: onOff.default(true),

  JWT_ISSUER: z.string().min(1),
  JWT_AUDIENCE: z.string().min(1),
  JWT_ALGORITHMS: list(
    z.enum(JWT_ALGORITHMS, { error: `may contain only ${JWT_ALGORITHMS.join(', ')} (no shared secrets, no none)` }),
  ).default(['ES256', 'RS256', 'EdDSA']),
  JWT_JWKS_URL: urlOf('https:', 'http:').optional(),
  JWT_PUBLIC_KEY_FILE: z.string().min(1).optional(),
  JWT_ROLES_CLAIM: z.string().min(1).default('roles'),
  CURSOR_SECRET: z.string(),

  TRUST_PROXY: trustProxy.default(false),
  CORS_ORIGINS: list(origin).default([]),
  RATE_LIMIT_READ_PER_MINUTE: perMinute.default(3_000_000),
  RATE_LIMIT_WRITE_PER_MINUTE: perMinute.default(60_000),
  RATE_LIMIT_ADMIN_PER_MINUTE: perMinute.default(3000),
  RATE_LIMIT_IMPORT_PER_MINUTE: perMinute.default(60),
  RATE_LIMIT_REFUSED_TOKENS_PER_MINUTE: perMinute.default(600),
  SERVER_TIMING: onOff.default(false),
  SHUTDOWN_DELAY_MS: wholeNumber({ min: 0, max: 600_000 }).default(0),

  OUTAGE_SHORT_MS: durationMs().default(30_000),
  OUTAGE_VOLATILE_MS: durationMs().default(300_000),
  OUTAGE_FULL_MS: durationMs({ min: 1, max: 7 * 86_400_000 }).default(1_800_000),
})

/** May be given as `NAME_FILE`, the path of a file that holds the value (a mounted secret). */
const SECRETS = [
  'REDIS_USERNAME',
  'REDIS_PASSWORD',
  'SENTINEL_USERNAME',
  'SENTINEL_PASSWORD',
  'CURSOR_SECRET',
  'DATABASE_URL',
] as const

/** What to do about a variable that is missing. */
const ADVICE: Readonly<Record<string, string>> = {
  DATABASE_URL: 'give the database, for example postgresql://portcullis@127.0.0.1:5432/portcullis',
  JWT_ISSUER: 'give the `iss` your identity provider signs',
  JWT_AUDIENCE: 'give the `aud` tokens for this service carry',
  CURSOR_SECRET: 'give at least 32 random bytes, for example from: openssl rand -base64 48',
}

export class ConfigError extends Error {
  readonly code = 'config-invalid'
  readonly problems: readonly string[]
  constructor(problems: readonly string[]) {
    super(
      `The configuration has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`,
    )
    this.name = 'ConfigError'
    this.problems = problems
  }
}

type Environment = Readonly<Record<string, string | undefined>>

/**
 * @param environment usually `process.env`; an empty value counts as absent
 * @throws ConfigError with every problem: the variable, what is wrong, what to do. Values are never repeated in it.
 */
export function loadConfig(environment: Environment = process.env) {
  const problems: string[] = []
  const given = withSecretFiles(environment, problems)
  const parsed = variables.safeParse(given)
  if (!parsed.success) problems.push(...parsed.error.issues.map((issue) => described(issue, given)))
  // Rules between variables are checked on what could be read of them, so that one message lists everything.
  problems.push(...contradictions(given, leniently(given)))
  problems.push(...misspelt(environment))
  if (problems.length > 0 || !parsed.success) throw new ConfigError([...new Set(problems)])
  return structured(parsed.data)
}

export type Config = ReturnType<typeof structured>

function structured(env: z.output<typeof variables>) {
  const production = env.NODE_ENV === 'production'
  return {
    environment: env.NODE_ENV,
    production,
    logLevel: env.LOG_LEVEL,
    http: {
      host: env.HOST,
      port: env.PORT,
      /** A port of their own for the metrics; undefined: on the main port. */
      metricsPort: env.METRICS_PORT,
      trustProxy: env.TRUST_PROXY,
      /** Empty: no page of another origin may call the API. */
      corsOrigins: env.CORS_ORIGINS,
      serverTiming: env.SERVER_TIMING,
      requestBudgetMs: env.REQUEST_BUDGET_MS,
      shutdownDelayMs: env.SHUTDOWN_DELAY_MS,
    },
    /** Requests per subject and minute; 0 is no limit. */
    rateLimits: {
      read: env.RATE_LIMIT_READ_PER_MINUTE,
      write: env.RATE_LIMIT_WRITE_PER_MINUTE,
      admin: env.RATE_LIMIT_ADMIN_PER_MINUTE,
      import: env.RATE_LIMIT_IMPORT_PER_MINUTE,
    },
    database: {
      url: env.DATABASE_URL,
      poolMax: env.DATABASE_POOL_MAX,
      statementTimeoutMs: env.DATABASE_STATEMENT_TIMEOUT_MS,
      queueMax: env.DATABASE_QUEUE_MAX,
    },
    redis: {
      /** Undefined where a single Redis is given by `url`. */
      sentinels: env.REDIS_SENTINELS,
      url: env.REDIS_URL,
      masterName: env.REDIS_MASTER_NAME,
      db: env.REDIS_DB,
      username: env.REDIS_USERNAME,
      password: env.REDIS_PASSWORD,
      sentinelUsername: env.SENTINEL_USERNAME,
      sentinelPassword: env.SENTINEL_PASSWORD,
      tls: env.REDIS_TLS,
      tlsCa: env.REDIS_TLS_CA_FILE === undefined ? undefined : readFileSync(env.REDIS_TLS_CA_FILE, 'utf8'),
      sentinelTls: env.SENTINEL_TLS,
      sentinelTlsCa:
        env.SENTINEL_TLS_CA_FILE === undefined ? undefined : readFileSync(env.SENTINEL_TLS_CA_FILE, 'utf8'),
      budgetMs: env.REDIS_BUDGET_MS,
      replicaReads: env.REPLICA_READS ? ('while-master-is-away' as const) : ('never' as const),
    },
    cache: {
      prefix: env.CACHE_PREFIX,
      logNotify: env.LOG_NOTIFY,
      /** How often the log is read without being woken. */
      logPollMs: env.LOG_POLL_MS,
      /** How long the log may stay unread before nothing is served from the cache. */
      logBoundMs: env.LOG_BOUND_MS,
      /** How long hits go on while PostgreSQL cannot be reached. */
      graceMs: env.DATABASE_GRACE_MS,
      /** More affected users than this are invalidated as a layer. */
      usersMax: env.INVALIDATION_USERS_MAX,
    },
    jwt: {
      issuer: env.JWT_ISSUER,
      audience: env.JWT_AUDIENCE,
      algorithms: env.JWT_ALGORITHMS,
      jwksUrl: env.JWT_JWKS_URL,
      /** A JWK or a JWK set on disk, for development and tests. */
      publicKeyFile: env.JWT_PUBLIC_KEY_FILE,
      rolesClaim: env.JWT_ROLES_CLAIM,
      refusedPerMinute: env.RATE_LIMIT_REFUSED_TOKENS_PER_MINUTE,
    },
    cursorSecret: env.CURSOR_SECRET,
    outage: { shortMs: env.OUTAGE_SHORT_MS, volatileMs: env.OUTAGE_VOLATILE_MS, fullMs: env.OUTAGE_FULL_MS },
  }
}

function withSecretFiles(environment: Environment, problems: string[]): Record<string, string> {
  const given: Record<string, string> = {}
  for (const name of Object.keys(variables.shape)) {
    const value = environment[name]
    if (value !== undefined && value !== '') given[name] = value
  }
  for (const name of SECRETS) {
    const file = environment[`${name}_FILE`]
    if (file === undefined || file === '') continue
    if (given[name] !== undefined) problems.push(`${name} and ${name}_FILE are both set: keep one of them`)
    try {
      // The first line: while a password rotates its file holds two, and the first is the one to use.
      given[name] = readFileSync(file, 'utf8').split(/\r?\n/, 1)[0] ?? ''
      if (given[name] === '') problems.push(`${name}_FILE: the file is empty`)
    } catch (error) {
      problems.push(`${name}_FILE: the file cannot be read (${reasonOf(error)}); check the path and its permissions`)
    }
  }
  return given
}

function described(issue: z.core.$ZodIssue, given: Readonly<Record<string, string>>): string {
  const name = String(issue.path[0])
  if (given[name] === undefined) return `${name} is not set: ${ADVICE[name] ?? 'set it'}`
  return `${name} ${issue.message}`
}

/** Each variable on its own, where it can be read; so that one bad value does not hide what others contradict. */
function leniently(given: Readonly<Record<string, string>>): Partial<z.output<typeof variables>> {
  const readable: Record<string, unknown> = {}
  for (const [name, schema] of Object.entries(variables.shape)) {
    const parsed = schema.safeParse(given[name])
    if (parsed.success) readable[name] = parsed.data
  }
  return readable as Partial<z.output<typeof variables>>
}

function contradictions(given: Readonly<Record<string, string>>, env: Partial<z.output<typeof variables>>): string[] {
  const found: string[] = []
  if (given.REDIS_SENTINELS === undefined && given.REDIS_URL === undefined)
    found.push(
      'REDIS_SENTINELS is not set: list the Sentinels as host:port,host:port (or set REDIS_URL for a single Redis)',
    )
  if (given.REDIS_SENTINELS !== undefined && given.REDIS_URL !== undefined)
    found.push('REDIS_SENTINELS and REDIS_URL are both set: keep one of them')
  if (given.JWT_JWKS_URL === undefined && given.JWT_PUBLIC_KEY_FILE === undefined)
    found.push(
      'JWT_JWKS_URL is not set: give the key set of your identity provider (or JWT_PUBLIC_KEY_FILE for development)',
    )
  if (given.JWT_JWKS_URL !== undefined && given.JWT_PUBLIC_KEY_FILE !== undefined)
    found.push('JWT_JWKS_URL and JWT_PUBLIC_KEY_FILE are both set: keep one of them')
  found.push(
    ...unreadableFiles(given),
    ...disorderedTiers(env),
    ...disorderedFollowing(env),
    ...weakSecret(given.CURSOR_SECRET),
  )
  if (env.NODE_ENV === 'production') found.push(...unfitForProduction(given))
  return found
}

function unreadableFiles(given: Readonly<Record<string, string>>): string[] {
  return ['REDIS_TLS_CA_FILE', 'SENTINEL_TLS_CA_FILE', 'JWT_PUBLIC_KEY_FILE'].flatMap((name) => {
    const file = given[name]
    if (file === undefined) return []
    try {
      readFileSync(file)
      return []
    } catch (error) {
      return [`${name}: the file cannot be read (${reasonOf(error)}); check the path and its permissions`]
    }
  })
}

function disorderedFollowing(env: Partial<z.output<typeof variables>>): string[] {
  const { LOG_POLL_MS: poll, LOG_BOUND_MS: bound, DATABASE_GRACE_MS: grace } = env
  if (poll === undefined || bound === undefined || grace === undefined) return []
  if (poll < bound && bound <= grace) return []
  return [`LOG_POLL_MS, LOG_BOUND_MS and DATABASE_GRACE_MS must increase, but are ${poll}, ${bound}, ${grace}`]
}

function disorderedTiers(env: Partial<z.output<typeof variables>>): string[] {
  const { OUTAGE_SHORT_MS: short, OUTAGE_VOLATILE_MS: volatile, OUTAGE_FULL_MS: full } = env
  if (short === undefined || volatile === undefined || full === undefined) return []
  if (short < volatile && volatile < full) return []
  return [
    `OUTAGE_SHORT_MS, OUTAGE_VOLATILE_MS and OUTAGE_FULL_MS must increase, but are ${short}, ${volatile}, ${full}`,
  ]
}

function weakSecret(secret: string | undefined): string[] {
  if (secret === undefined) return []
  const found: string[] = []
  if (Buffer.byteLength(secret) < MIN_SECRET_BYTES)
    found.push(`CURSOR_SECRET is shorter than ${MIN_SECRET_BYTES} bytes: ${ADVICE.CURSOR_SECRET}`)
  if (isKnownSecret(secret)) found.push(`CURSOR_SECRET is publicly known or trivial: ${ADVICE.CURSOR_SECRET}`)
  return found
}

/** Also a known secret repeated or padded up to length, and anything with hardly any different characters. */
function isKnownSecret(secret: string): boolean {
  const plain = secret.trim().toLowerCase()
  if (new Set(plain).size < 8) return true
  return KNOWN_SECRETS.some((known) => plain === known || plain.replaceAll(known, '').replace(/[\d\W_]/g, '') === '')
}

function unfitForProduction(given: Readonly<Record<string, string>>): string[] {
  const found: string[] = []
  if (given.JWT_PUBLIC_KEY_FILE !== undefined)
    found.push('JWT_PUBLIC_KEY_FILE is for development: in production set JWT_JWKS_URL, so that keys can be rotated')
  const jwks = given.JWT_JWKS_URL
  if (jwks !== undefined && URL.canParse(jwks)) {
    const { protocol, hostname } = new URL(jwks)
    const local = hostname === 'localhost' || hostname === '127.0.0.1' || hostname === '[::1]'
    if (protocol === 'http:' && !local && !hostname.endsWith('.svc') && !hostname.endsWith('.svc.cluster.local'))
      found.push(
        'JWT_JWKS_URL must start with https:// in production: whoever can change the keys on the way can sign tokens',
      )
  }
  for (const name of ['REDIS_PASSWORD', 'SENTINEL_PASSWORD'] as const) {
    const secret = given[name]
    if (secret !== undefined && isKnownSecret(secret))
      found.push(`${name} is publicly known or trivial: use a random one`)
  }
  return found
}

/** Ours by prefix but unknown, and close to a name that exists: almost certainly a slip, and silent otherwise. */
function misspelt(environment: Environment): string[] {
  const known = [...Object.keys(variables.shape), ...SECRETS.map((name) => `${name}_FILE`)]
  const taken = new Set(known)
  return Object.keys(environment).flatMap((name) => {
    if (taken.has(name) || name.length < 6 || environment[name] === '') return []
    const near = known.find((candidate) => editDistance(candidate, name) <= (candidate.length >= 8 ? 2 : 1))
    // A correct neighbour (REDIS_PORT set by something else beside ours) is not ours to judge: only near-identical names are.
    return near === undefined ? [] : [`${name} is not a setting: did you mean ${near}?`]
  })
}

function editDistance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return 3
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const substitution = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1)
      current.push(Math.min(substitution, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1))
    }
    previous = current
  }
  return previous[b.length] ?? 3
}

function reasonOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
}
