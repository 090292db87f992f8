/** Reads the environment once, reports all its problems in one message, and returns typed settings. */
import { readFileSync } from 'node:fs'
import type { z } from 'zod'
import { contradictions } from './config/contradictions.ts'
import { misspelt } from './config/misspelt.ts'
import { databasePasswordReader, secretReader, withSecretFiles } from './config/secret-files.ts'
import {
  ADVICE,
  type Environment,
  type Given,
  LOG_POLL_MS,
  LOG_SILENT_POLL_MS,
  type Variables,
  variables,
} from './config/variables.ts'

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
  problems.push(...contradictions(given))
  problems.push(...misspelt(environment))
  if (problems.length > 0 || !parsed.success) throw new ConfigError([...new Set(problems)])
  return structured(parsed.data, environment)
}

export type Config = ReturnType<typeof structured>

function structured(env: Variables, environment: Environment) {
  const production = env.NODE_ENV === 'production'
  return {
    environment: env.NODE_ENV,
    production,
    logLevel: env.LOG_LEVEL,
    http: {
      host: env.HOST,
      port: env.PORT,
      /** Where clients reach this service; where it is absent, whatever they asked for. */
      publicUrl: env.PUBLIC_URL,
      /** A port of their own for the metrics; undefined: on the main port. */
      metricsPort: env.METRICS_PORT,
      trustProxy: env.TRUST_PROXY,
      /** Empty: no page of another origin may call the API. */
      corsOrigins: env.CORS_ORIGINS,
      serverTiming: env.SERVER_TIMING,
      requestBudgetMs: env.REQUEST_BUDGET_MS,
      shutdownDelayMs: env.SHUTDOWN_DELAY_MS,
    },
    /** Requests per subject and minute; 0 means no limit. */
    rateLimits: {
      read: env.RATE_LIMIT_READ_PER_MINUTE,
      write: env.RATE_LIMIT_WRITE_PER_MINUTE,
      admin: env.RATE_LIMIT_ADMIN_PER_MINUTE,
      import: env.RATE_LIMIT_IMPORT_PER_MINUTE,
    },
    database: {
      url: env.DATABASE_URL,
      /** For each new connection; undefined: the password that the URL has. */
      password: databasePasswordReader(environment) ?? fixed(env.DATABASE_PASSWORD),
      pooler: env.DATABASE_POOLER,
      poolMax: env.DATABASE_POOL_MAX,
      /** How often an instance looks for memberships and grants that have ended. */
      expiryCheckMs: env.EXPIRY_CHECK_MS,
      statementTimeoutMs: env.DATABASE_STATEMENT_TIMEOUT_MS,
      queueMax: env.DATABASE_QUEUE_MAX,
      /** How long a start waits for a schema that is older than this version. */
      migrationWaitMs: env.MIGRATION_WAIT_MS,
    },
    redis: {
      /** Undefined where a single Redis is given by `url`. */
      sentinels: env.REDIS_SENTINELS,
      url: env.REDIS_URL,
      masterName: env.REDIS_MASTER_NAME,
      db: env.REDIS_DB,
      /** These four: from files, read again for each new connection. */
      username: secretReader(environment, 'REDIS_USERNAME') ?? env.REDIS_USERNAME,
      password: secretReader(environment, 'REDIS_PASSWORD') ?? env.REDIS_PASSWORD,
      sentinelUsername: secretReader(environment, 'SENTINEL_USERNAME') ?? env.SENTINEL_USERNAME,
      sentinelPassword: secretReader(environment, 'SENTINEL_PASSWORD') ?? env.SENTINEL_PASSWORD,
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
      logPollMs: env.LOG_POLL_MS ?? LOG_POLL_MS,
      /** The same if nothing wakes the instance: changes by others must be seen within 50 ms (P11). */
      logSilentPollMs: env.LOG_POLL_MS ?? LOG_SILENT_POLL_MS,
      /** How long the log may stay unread before nothing is served from the cache. */
      logBoundMs: env.LOG_BOUND_MS,
      /** How long hits are served while PostgreSQL cannot be reached. */
      graceMs: env.DATABASE_GRACE_MS,
      clockBoundMs: env.CLOCK_BOUND_MS,
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
      userClaim: env.JWT_USER_CLAIM,
      rolesClaim: env.JWT_ROLES_CLAIM,
      otherIssuers: env.JWT_OTHER_ISSUERS,
      refusedPerMinute: env.RATE_LIMIT_REFUSED_TOKENS_PER_MINUTE,
    },
    /** Signs in to the console of the local stack by a code. */
    consoleSignInFile: env.CONSOLE_SIGN_IN_FILE,
    /** Signs in to the console by OpenID Connect; undefined: by a token that is pasted. */
    consoleSignIn:
      env.CONSOLE_OIDC_CLIENT_ID === undefined
        ? undefined
        : {
            issuer: env.CONSOLE_OIDC_ISSUER ?? env.JWT_ISSUER,
            clientId: env.CONSOLE_OIDC_CLIENT_ID,
            scope: env.CONSOLE_OIDC_SCOPE,
            resource: env.CONSOLE_OIDC_RESOURCE,
          },
    access: {
      /** What callers may call a permission. */
      actions: env.AUTHZEN_ACTIONS,
    },
    scim: {
      /** The attribute of a new user that becomes the id. */
      idSource: env.SCIM_USER_ID,
    },
    cursorSecret: env.CURSOR_SECRET,
    outage: { shortMs: env.OUTAGE_SHORT_MS, volatileMs: env.OUTAGE_VOLATILE_MS, fullMs: env.OUTAGE_FULL_MS },
  }
}

function fixed(password: string | undefined): (() => Promise<string>) | undefined {
  return password === undefined ? undefined : async () => password
}

function described(issue: z.core.$ZodIssue, given: Given): string {
  const name = String(issue.path[0])
  if (given[name] === undefined) return `${name} is not set: ${ADVICE[name] ?? 'set it'}`
  return `${name} ${issue.message}`
}
