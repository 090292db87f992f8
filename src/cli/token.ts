/** `npm run token -- <user> [--admin] [--cache-admin] [--reader] [--scim] [--ttl 1h]`: prints an access token for the local stack, and nothing else. */
import { InvalidArgumentError } from 'commander'
import { parseSeconds } from '../local/durations.ts'
import { readRunningSettings } from '../local/settings.ts'
import { createTokenIssuer, type TokenRequest } from '../local/token-issuer.ts'
import { createScript } from './script.ts'

interface Given {
  readonly admin?: true
  readonly cacheAdmin?: true
  readonly reader?: true
  readonly scim?: true
  /** In seconds. */
  readonly ttl?: number
}

const HOUR_S = 3_600

try {
  const request = readRequest(process.argv)
  const issuer = await createTokenIssuer(readRunningSettings(process.env))
  console.log(await issuer.issue(request))
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 2
}

function readRequest(argv: readonly string[]): TokenRequest {
  const script = createScript('npm run token --', 'Prints an access token for the local stack, and nothing else.')
    .argument('<user>', "the token's subject")
    .option('--admin', 'with the role admin: may change everything')
    .option('--cache-admin', 'with the role cache-admin: may look into the cache and flush it')
    .option('--reader', 'with the role reader: may ask about anybody')
    .option('--scim', 'with the role scim: may provision users and groups')
    .option('--ttl <duration>', 'how long it is valid: 90s, 15m, 1h, 7d (1h)', readTtl)
    .parse(argv)
  const { ttl = HOUR_S, ...given } = script.opts<Given>()
  const roles = [
    ...(given.admin ? (['admin'] as const) : []),
    ...(given.cacheAdmin ? (['cache-admin'] as const) : []),
    ...(given.reader ? (['reader'] as const) : []),
    ...(given.scim ? (['scim'] as const) : []),
  ]
  return { subject: script.args[0] ?? '', roles, ttlSeconds: ttl }
}

function readTtl(text: string): number {
  const seconds = parseSeconds(text)
  if (seconds === null) throw new InvalidArgumentError('It is a number and a unit: 90s, 15m, 1h, 7d.')
  return seconds
}
