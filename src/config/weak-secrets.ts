/** Refuses secrets that are too short, too easy to guess or publicly known. */
import { isPublished } from './published-secrets.ts'
import { letterFor } from './secret-patterns.ts'
import { estimatedBits, isRandomEnough } from './secret-strength.ts'
import { ADVICE } from './variables.ts'

const MIN_SECRET_BYTES = 32
/** Anything shorter is refused in every environment. */
const TRIVIAL_BITS = 60
/** For passwords, which are guessed over the network and not in a file. */
const MIN_PASSWORD_BITS = 40

/**
 * Words of examples and of answers to "what do I put here"; long enough that random text does not contain them: one in
 * two million secrets of 64 letters and digits does.
 */
const TELLTALES = [
  ...['secret', 'insecure', 'unsecure', 'notsecure', 'password', 'passwort', 'passphrase', 'changeme', 'changeit'],
  ...['changethis', 'pleasechange', 'replaceme', 'replacethis', 'placeholder', 'example', 'default', 'dontuse'],
  ...['donotuse', 'random', 'generate', 'development', 'production', 'testing', 'keyboardcat'],
  ...['yourkey', 'yourown', 'supersafe', 'portcullis'],
]
/** A JSON Web Token. */
const TOKEN = /^eyJ[\w-]*\.[\w-]+\./

/** Refused in every environment. */
export function weakSecret(secret: string | undefined): string[] {
  if (secret === undefined) return []
  const found: string[] = []
  if (Buffer.byteLength(secret) < MIN_SECRET_BYTES)
    found.push(`CURSOR_SECRET is shorter than ${MIN_SECRET_BYTES} bytes: ${ADVICE.CURSOR_SECRET}`)
  if (isPublished(secret) || estimatedBits(secret) < TRIVIAL_BITS)
    found.push(`CURSOR_SECRET is publicly known or trivial: ${ADVICE.CURSOR_SECRET}`)
  return found
}

/** In production: a secret made of words, runs or repetitions can be guessed offline from one cursor. */
export function guessableSecret(secret: string | undefined): string[] {
  if (secret === undefined || weakSecret(secret).length > 0) return []
  if (TOKEN.test(secret)) return [`CURSOR_SECRET is a token, which others have seen: ${ADVICE.CURSOR_SECRET}`]
  const telltale = telltaleIn(secret)
  if (telltale !== undefined) return [`CURSOR_SECRET contains "${telltale}", as examples do: ${ADVICE.CURSOR_SECRET}`]
  if (isRandomEnough(secret)) return []
  return [
    `CURSOR_SECRET does not look random (words, runs, repetitions, or fewer than 160 bits): ${ADVICE.CURSOR_SECRET}`,
  ]
}

function telltaleIn(secret: string): string | undefined {
  // Without separators, but not without digits: too many words appear where those are left out.
  const written = secret.toLowerCase().replace(/[^a-z0-9]/g, '')
  const meant = [...secret.toLowerCase()]
    .map(letterFor)
    .join('')
    .replace(/[^a-z0-9]/g, '')
  return TELLTALES.find((word) => written.includes(word) || meant.includes(word))
}

export const isGuessablePassword = (password: string) =>
  isPublished(password) || estimatedBits(password) < MIN_PASSWORD_BITS
