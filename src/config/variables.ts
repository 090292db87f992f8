/** Every variable the service reads, with its form and its default. */
import { z } from 'zod'
import { DEFAULT_JWT_ALGORITHMS, isDiscoverable, jwtAlgorithm, otherIssuers } from './issuers.ts'
import {
  actionNames,
  DEFAULT_ACTIONS,
  databaseUrl,
  durationMs,
  endpoint,
  fetchable,
  list,
  onOff,
  origin,
  perMinute,
  port,
  publicUrl,
  trustProxy,
  urlOf,
  wholeNumber,
} from './value-types.ts'

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
/** What stands between the service and PostgreSQL. */
const POOLERS = ['none', 'session', 'transaction'] as const
/** Which attribute tokens carry. */
const SCIM_ID_SOURCES = ['userName', 'externalId'] as const

/** How often the log is read at least where notifications arrive, and where some or all do not, in milliseconds. */
export const LOG_POLL_MS = 250
export const LOG_SILENT_POLL_MS = 25

export const variables = z.object({
  NODE_ENV: z
    .enum(['development', 'test', 'production'], { error: 'must be development, test or production' })
    .default('development'),
  HOST: z.string().min(1).default('127.0.0.1'),
  PORT: port.default(3000),
  METRICS_PORT: port.optional(),
  PUBLIC_URL: publicUrl.optional(),
  LOG_LEVEL: z.enum(LOG_LEVELS, { error: `must be one of ${LOG_LEVELS.join(', ')}` }).default('info'),

  DATABASE_URL: databaseUrl,
  DATABASE_PASSWORD: z.string().min(1).optional(),
  DATABASE_POOLER: z.enum(POOLERS, { error: `must be one of ${POOLERS.join(', ')}` }).default('none'),
  DATABASE_POOL_MAX: wholeNumber({ min: 1, max: 1000 }).default(10),
  DATABASE_STATEMENT_TIMEOUT_MS: durationMs().default(2000),
  DATABASE_QUEUE_MAX: wholeNumber({ min: 0, max: 100_000 }).default(200),
  MIGRATION_WAIT_MS: durationMs({ min: 0, max: 86_400_000 }).default(900_000),

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
  LOG_POLL_MS: durationMs({ min: 10, max: 60_000 }).optional(),
  LOG_BOUND_MS: durationMs({ min: 100, max: 600_000 }).default(5000),
  CLOCK_BOUND_MS: durationMs({ min: 1, max: 60_000 }).default(250),
  DATABASE_GRACE_MS: durationMs({ min: 1, max: 3_600_000 }).default(30_000),
  INVALIDATION_USERS_MAX: wholeNumber({ min: 1, max: 10_000_000 }).default(100_000),
  EXPIRY_CHECK_MS: durationMs({ min: 50, max: 10_000 }).default(250),
  REPLICA_READS: onOff.default(true),

  JWT_ISSUER: z.string().min(1),
  JWT_AUDIENCE: z.string().min(1),
  JWT_ALGORITHMS: list(jwtAlgorithm).default(DEFAULT_JWT_ALGORITHMS),
  JWT_JWKS_URL: fetchable.optional(),
  JWT_PUBLIC_KEY_FILE: z.string().min(1).optional(),
  JWT_USER_CLAIM: z.string().min(1).default('sub'),
  JWT_ROLES_CLAIM: z.string().min(1).default('roles'),
  JWT_OTHER_ISSUERS: otherIssuers.default([]),
  CURSOR_SECRET: z.string(),

  AUTHZEN_ACTIONS: actionNames.default(() => new Map(DEFAULT_ACTIONS)),

  SCIM_USER_ID: z.enum(SCIM_ID_SOURCES, { error: `must be ${SCIM_ID_SOURCES.join(' or ')}` }).default('userName'),

  TRUST_PROXY: trustProxy.default(false),
  CORS_ORIGINS: list(origin).default([]),
  RATE_LIMIT_READ_PER_MINUTE: perMinute.default(3_000_000),
  RATE_LIMIT_WRITE_PER_MINUTE: perMinute.default(60_000),
  RATE_LIMIT_ADMIN_PER_MINUTE: perMinute.default(3000),
  RATE_LIMIT_IMPORT_PER_MINUTE: perMinute.default(60),
  RATE_LIMIT_REFUSED_TOKENS_PER_MINUTE: perMinute.default(600),
  CONSOLE_SIGN_IN_FILE: z.string().min(1).optional(),
  CONSOLE_OIDC_CLIENT_ID: z.string().min(1).optional(),
  CONSOLE_OIDC_ISSUER: z
    .string()
    .refine(isDiscoverable, { error: 'must be the https address of an issuer that has a discovery document' })
    .optional(),
  CONSOLE_OIDC_SCOPE: z
    .string()
    .regex(/(^| )openid( |$)/, { error: 'must contain openid' })
    .default('openid'),
  CONSOLE_OIDC_RESOURCE: z.string().refine(URL.canParse, { error: 'must be an absolute URI (RFC 8707)' }).optional(),
  SERVER_TIMING: onOff.default(false),
  SHUTDOWN_DELAY_MS: wholeNumber({ min: 0, max: 600_000 }).default(0),

  OUTAGE_SHORT_MS: durationMs().default(30_000),
  OUTAGE_VOLATILE_MS: durationMs().default(300_000),
  OUTAGE_FULL_MS: durationMs({ min: 1, max: 7 * 86_400_000 }).default(1_800_000),
})

export type Variables = z.output<typeof variables>

/** The values by name, before they are parsed. */
export type Given = Readonly<Record<string, string>>

export type Environment = Readonly<Record<string, string | undefined>>

/** What to do about a variable that is missing. */
export const ADVICE: Readonly<Record<string, string>> = {
  DATABASE_URL: 'give the URL of the database, for example postgresql://portcullis@127.0.0.1:5432/portcullis',
  JWT_ISSUER: 'give the `iss` of your identity provider',
  JWT_AUDIENCE: 'give the `aud` of the tokens for this service',
  CURSOR_SECRET: 'give at least 32 random bytes, for example from: openssl rand -base64 48',
}
