/** Which secrets are too short, too guessable or too well known to protect anything. */
import { estimatedBits, isRandomEnough } from './secret-strength.ts'
import { ADVICE } from './variables.ts'

const MIN_SECRET_BYTES = 32
/** Below, it is no secret in any environment. */
const TRIVIAL_BITS = 60
/** For passwords, which are guessed over the network and not in a file. */
const MIN_PASSWORD_BITS = 40

/** Random once, printed in tutorials since. */
const PUBLISHED = new Set([
  '09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7',
  '404e635266556a586e3272357538782f413f4428472b4b6250645367566b5970',
  '3cfa76ef14937c1c0ea519f8fc057a80fcd04a7420f8e8bcd0a7567c272e007b',
])

const isPublished = (secret: string) => PUBLISHED.has(secret.trim().toLowerCase())

/** In every environment: what is no secret at all. */
export function weakSecret(secret: string | undefined): string[] {
  if (secret === undefined) return []
  const found: string[] = []
  if (Buffer.byteLength(secret) < MIN_SECRET_BYTES)
    found.push(`CURSOR_SECRET is shorter than ${MIN_SECRET_BYTES} bytes: ${ADVICE.CURSOR_SECRET}`)
  if (isPublished(secret) || estimatedBits(secret) < TRIVIAL_BITS)
    found.push(`CURSOR_SECRET is publicly known or trivial: ${ADVICE.CURSOR_SECRET}`)
  return found
}

/** In production: whatever words, runs and repetitions it is made of, it can be guessed from one cursor offline. */
export function guessableSecret(secret: string | undefined): string[] {
  if (secret === undefined || weakSecret(secret).length > 0 || isRandomEnough(secret)) return []
  return [
    `CURSOR_SECRET does not look random (words, runs, repetitions, or fewer than 160 bits): ${ADVICE.CURSOR_SECRET}`,
  ]
}

export const isGuessablePassword = (password: string) =>
  isPublished(password) || estimatedBits(password) < MIN_PASSWORD_BITS
