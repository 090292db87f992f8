/** Secrets that look random but that anybody can look up: those of documentation and tutorials, and hashes of words. */
import { createHash } from 'node:crypto'
import { PUBLISHED_EXAMPLES } from './published-examples.ts'

/** People who know that a word is not a secret take the hash of one. */
const HASHED_WORDS = words(`
  a abc abc123 abcdef admin change changeit changeme cursor cursor_secret cursor-secret CURSOR_SECRET cursorsecret default
  dev development example foo foobar hello helloworld jwt jwt_secret jwtsecret key letmein master my-secret mysecret
  my_secret none null password password1 Password p@ssw0rd passw0rd portcullis portcullis-secret private prod production
  qwerty redis root salt secret Secret SECRET secret1 secret123 secretkey secret_key secret-key session super-secret
  supersecret super_secret test test123 test1234 testing token undefined user welcome 0 1 12 123 1234 12345 123456 1234567
  12345678 123456789 1234567890
`)
const DIGESTS = ['md5', 'sha1', 'sha256', 'sha384', 'sha512'] as const
const FORMS = ['hex', 'base64', 'base64url'] as const

export function isPublished(secret: string): boolean {
  const text = secret.trim().replace(/^base64:/i, '')
  return PUBLISHED_EXAMPLES.has(beginningOf(text)) || hashes().has(caseless(text))
}

const BEGINNING = 12
/** Hexadecimal digits are the same in either case. */
const beginningOf = (text: string) => createHash('sha256').update(caseless(text)).digest('hex').slice(0, BEGINNING)
const caseless = (text: string) => (/^[0-9A-F]+$/.test(text) ? text.toLowerCase() : text).replace(/=+$/, '')

function words(text: string): string[] {
  return text.trim().split(/\s+/)
}

let known: Set<string> | undefined
function hashes(): Set<string> {
  known ??= new Set(
    ['', ...HASHED_WORDS].flatMap((word) =>
      DIGESTS.flatMap((digest) => FORMS.map((form) => caseless(createHash(digest).update(word).digest(form)))),
    ),
  )
  return known
}
