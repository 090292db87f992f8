/** Contradictions between variables that are each well formed. */
import { readFileSync } from 'node:fs'
import { isDiscoverable } from './issuers.ts'
import { reasonOf } from './reason.ts'
import { type Given, LOG_POLL_MS, type Variables, variables } from './variables.ts'
import { guessableSecret, isGuessablePassword, weakSecret } from './weak-secrets.ts'

/** Checked on what could be read, so that one bad value does not hide what others contradict. */
export function contradictions(given: Given): string[] {
  const env = leniently(given)
  const found: string[] = []
  if (given.REDIS_SENTINELS === undefined && given.REDIS_URL === undefined)
    found.push(
      'REDIS_SENTINELS is not set: list the Sentinels as host:port,host:port (or set REDIS_URL for a single Redis)',
    )
  if (given.REDIS_SENTINELS !== undefined && given.REDIS_URL !== undefined)
    found.push('REDIS_SENTINELS and REDIS_URL are both set: keep one of them')
  if (
    given.JWT_JWKS_URL === undefined &&
    given.JWT_PUBLIC_KEY_FILE === undefined &&
    !isDiscoverable(env.JWT_ISSUER ?? '')
  )
    found.push(
      'JWT_JWKS_URL is not set: give the key set of your identity provider (or JWT_PUBLIC_KEY_FILE for development); only an issuer whose `iss` is an https address can be asked for it',
    )
  found.push(...doubledIssuers(env), ...unusableSignIn(given, env))
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

function doubledIssuers({ JWT_ISSUER: first, JWT_OTHER_ISSUERS: others = [] }: Partial<Variables>): string[] {
  const all = [first, ...others.map(({ issuer }) => issuer)]
  return new Set(all).size === all.length ? [] : ['JWT_OTHER_ISSUERS names an issuer twice, or the one in JWT_ISSUER']
}

/** The console's sign-in: this service must accept the tokens that people get there. */
function unusableSignIn(given: Given, env: Partial<Variables>): string[] {
  const client = given.CONSOLE_OIDC_CLIENT_ID
  if (client === undefined)
    return ['CONSOLE_OIDC_ISSUER', 'CONSOLE_OIDC_SCOPE', 'CONSOLE_OIDC_RESOURCE']
      .filter((name) => given[name] !== undefined)
      .map((name) => `${name} has no effect without CONSOLE_OIDC_CLIENT_ID: set both, or neither`)
  // Problems of the variable itself have been reported.
  if (given.CONSOLE_OIDC_ISSUER !== env.CONSOLE_OIDC_ISSUER) return []
  const issuer = given.CONSOLE_OIDC_ISSUER ?? env.JWT_ISSUER ?? ''
  if (!isDiscoverable(issuer))
    return ['CONSOLE_OIDC_CLIENT_ID needs CONSOLE_OIDC_ISSUER: JWT_ISSUER is not an address with a discovery document']
  const accepted = [env.JWT_ISSUER, ...(env.JWT_OTHER_ISSUERS ?? []).map((each) => each.issuer)]
  return accepted.includes(issuer)
    ? []
    : ['CONSOLE_OIDC_ISSUER is neither JWT_ISSUER nor in JWT_OTHER_ISSUERS: its tokens would be refused']
}

function unreadableFiles(given: Given): string[] {
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

function disorderedFollowing(env: Partial<Variables>): string[] {
  const { LOG_POLL_MS: poll = LOG_POLL_MS, LOG_BOUND_MS: bound, DATABASE_GRACE_MS: grace } = env
  if (bound === undefined || grace === undefined) return []
  if (poll < bound && bound <= grace) return []
  return [`LOG_POLL_MS, LOG_BOUND_MS and DATABASE_GRACE_MS must increase, but are ${poll}, ${bound}, ${grace}`]
}

function disorderedTiers(env: Partial<Variables>): string[] {
  const { OUTAGE_SHORT_MS: short, OUTAGE_VOLATILE_MS: volatile, OUTAGE_FULL_MS: full } = env
  if (short === undefined || volatile === undefined || full === undefined) return []
  if (short < volatile && volatile < full) return []
  return [
    `OUTAGE_SHORT_MS, OUTAGE_VOLATILE_MS and OUTAGE_FULL_MS must increase, but are ${short}, ${volatile}, ${full}`,
  ]
}

function unfitForProduction(given: Given): string[] {
  const found: string[] = []
  if (given.JWT_PUBLIC_KEY_FILE !== undefined)
    found.push('JWT_PUBLIC_KEY_FILE is for development: in production set JWT_JWKS_URL, so that keys can be rotated')
  if (given.CONSOLE_SIGN_IN_FILE !== undefined)
    found.push('CONSOLE_SIGN_IN_FILE is for the local stack: in production people sign in at your identity provider')
  const others = (leniently(given).JWT_OTHER_ISSUERS ?? []).map(
    ({ jwksUrl }) => ['JWT_OTHER_ISSUERS', jwksUrl] as const,
  )
  for (const [name, url] of [['JWT_JWKS_URL', given.JWT_JWKS_URL] as const, ...others])
    if (url !== undefined && isInTheOpen(url))
      found.push(
        `${name} must start with https:// in production: anyone who can change the keys in transit can sign tokens`,
      )
  found.push(...guessableSecret(given.CURSOR_SECRET))
  for (const name of ['REDIS_PASSWORD', 'SENTINEL_PASSWORD'] as const) {
    const secret = given[name]
    if (secret !== undefined && isGuessablePassword(secret))
      found.push(`${name} is publicly known or trivial: use a random one`)
  }
  return found
}

/** HTTP that leaves the machine and the cluster. */
function isInTheOpen(url: string): boolean {
  if (!URL.canParse(url)) return false
  const { protocol, hostname } = new URL(url)
  const local = hostname === 'localhost' || hostname === '127.0.0.1' || hostname === '[::1]'
  return protocol === 'http:' && !local && !hostname.endsWith('.svc') && !hostname.endsWith('.svc.cluster.local')
}

/** Each variable on its own, where it can be read. */
function leniently(given: Given): Partial<Variables> {
  const readable: Record<string, unknown> = {}
  for (const [name, schema] of Object.entries(variables.shape)) {
    const parsed = schema.safeParse(given[name])
    if (parsed.success) readable[name] = parsed.data
  }
  return readable as Partial<Variables>
}
