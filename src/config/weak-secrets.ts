/** Which secrets are too short or too well known to protect anything. */
import { ADVICE } from './variables.ts'

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

export function weakSecret(secret: string | undefined): string[] {
  if (secret === undefined) return []
  const found: string[] = []
  if (Buffer.byteLength(secret) < MIN_SECRET_BYTES)
    found.push(`CURSOR_SECRET is shorter than ${MIN_SECRET_BYTES} bytes: ${ADVICE.CURSOR_SECRET}`)
  if (isKnownSecret(secret)) found.push(`CURSOR_SECRET is publicly known or trivial: ${ADVICE.CURSOR_SECRET}`)
  return found
}

/** Also a known secret repeated or padded up to length, and anything with hardly any different characters. */
export function isKnownSecret(secret: string): boolean {
  const plain = secret.trim().toLowerCase()
  if (new Set(plain).size < 8) return true
  return KNOWN_SECRETS.some((known) => plain === known || plain.replaceAll(known, '').replace(/[\d\W_]/g, '') === '')
}
