/** `npm run token -- <user> [--admin] [--cache-admin] [--ttl 1h]`: prints an access token for the local stack, and nothing else. */
import { parseArgs } from 'node:util'
import { parseSeconds } from '../local/durations.ts'
import { readLocalSettings } from '../local/settings.ts'
import { createTokenIssuer, type TokenRequest } from '../local/token-issuer.ts'

const USAGE = 'usage: npm run token -- <user> [--admin] [--cache-admin] [--ttl 1h]   (ttl: 90s, 15m, 1h, 7d)'

try {
  const issuer = await createTokenIssuer(readLocalSettings(process.env))
  console.log(await issuer.issue(readRequest(process.argv.slice(2))))
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 2
}

function readRequest(args: string[]): TokenRequest {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      admin: { type: 'boolean', default: false },
      'cache-admin': { type: 'boolean', default: false },
      ttl: { type: 'string', default: '1h' },
    },
  })
  const [subject] = positionals
  const ttlSeconds = parseSeconds(values.ttl)
  if (subject === undefined || positionals.length > 1 || ttlSeconds === null) throw new Error(USAGE)
  const roles = (['admin', 'cache-admin'] as const).filter((role) => values[role])
  return { subject, roles, ttlSeconds }
}
