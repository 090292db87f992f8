/** Who may sign tokens, beside the issuer that has variables of its own. */
import { z } from 'zod'
import { fetchable } from './value-types.ts'

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
  // RFC 9864: the same signatures under a name that also says the curve.
  'Ed25519',
] as const

export const DEFAULT_JWT_ALGORITHMS: (typeof JWT_ALGORITHMS)[number][] = ['ES256', 'RS256', 'EdDSA', 'Ed25519']

export const jwtAlgorithm = z.enum(JWT_ALGORITHMS, {
  error: `may contain only ${JWT_ALGORITHMS.join(', ')} (no shared secrets, no none)`,
})

const claim = z.string().min(1)

const issuer = z
  .strictObject({
    issuer: z.string().min(1),
    audience: z.string().min(1),
    jwksUrl: fetchable.optional(),
    algorithms: z.array(jwtAlgorithm).min(1).default(DEFAULT_JWT_ALGORITHMS),
    userClaim: claim.default('sub'),
    userPrefix: z.string().default(''),
    rolesClaim: claim.default('roles'),
  })
  .refine((value) => value.jwksUrl !== undefined || isDiscoverable(value.issuer), {
    error: 'needs a jwksUrl: this issuer is not an https address that could have a discovery document',
  })

/** Checked as a whole: a problem is reported with its place, never with its value. */
export const otherIssuers = z.string().transform((text, context) => {
  const parsed = z.array(issuer).safeParse(json(text))
  if (parsed.success) return parsed.data
  for (const { path, message } of parsed.error.issues)
    context.addIssue({
      code: 'custom',
      message: path.length > 0 ? `at ${path.join('.')}: ${message}` : 'must be a JSON list of issuers',
    })
  return z.NEVER
})

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Whether an issuer can have a discovery document; without TLS only on this machine. */
export function isDiscoverable(issuer: string): boolean {
  if (!fetchable.safeParse(issuer).success) return false
  const { protocol, hostname, search, hash } = new URL(issuer)
  const isLocal = hostname === 'localhost' || hostname === '127.0.0.1' || hostname === '[::1]'
  return (protocol === 'https:' || isLocal) && search === '' && hash === ''
}
