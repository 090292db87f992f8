import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { COMPLETE, problemsOf } from '../config.fixture.ts'
import { guessableSecret } from './weak-secrets.ts'

let draws = 0

/** Pseudorandom, and the same in every run, so that the test cannot fail by chance. docs/security.md has the measured rate. */
function randomBytes(length: number): Buffer {
  return createHash('shake256', { outputLength: length }).update(`${draws++}`).digest()
}

function lettersAndDigits(length: number): string {
  return randomBytes(3 * length)
    .toString('base64')
    .replace(/[+/=]/g, '')
    .slice(0, length)
}

function randomUuid(): string {
  const digits = randomBytes(16).toString('hex')
  return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-4${digits.slice(13, 16)}-a${digits.slice(17, 20)}-${digits.slice(20)}`
}

describe('secrets in the configuration', () => {
  it.each([
    'short',
    'your-256-bit-secret',
    'secretsecretsecretsecretsecretsecret',
    'changeme-changeme-changeme-changeme-1234',
    'a'.repeat(64),
  ])('refuses a cursor secret that is short or known: %s', (secret) => {
    const problems = problemsOf({ ...COMPLETE, CURSOR_SECRET: secret })
    expect(problems.length).toBeGreaterThan(0)
    for (const problem of problems) expect(problem).toMatch(/^CURSOR_SECRET is (shorter|publicly known)/)
  })

  it.each(JSON.parse(readFileSync('test/support/guessable-secrets.json', 'utf8')) as string[])(
    'refuses the cursor secret %j in production: it can be guessed, however long it is',
    (secret) => {
      const problems = problemsOf({ ...COMPLETE, NODE_ENV: 'production', CURSOR_SECRET: secret })
      expect(problems).toEqual([
        expect.stringMatching(/^CURSOR_SECRET (does not look random|is publicly known|contains "|is a token)/),
      ])
      expect(problems.join()).toContain('openssl rand')
    },
  )

  it.each([
    ['openssl rand -base64 32', () => randomBytes(32).toString('base64')],
    ['openssl rand -base64 48', () => randomBytes(48).toString('base64')],
    ['openssl rand -hex 32', () => randomBytes(32).toString('hex')],
    ['two UUIDs', () => randomUuid() + randomUuid()],
    ['openssl rand -base64 32, as Laravel writes it', () => `base64:${randomBytes(32).toString('base64')}`],
    ['openssl rand -hex 64', () => randomBytes(64).toString('hex')],
    ['32 bytes as base64url', () => randomBytes(32).toString('base64url')],
    ['32 letters and digits', () => lettersAndDigits(32)],
    ['40 letters and digits', () => lettersAndDigits(40)],
    ['64 letters and digits', () => lettersAndDigits(64)],
  ])('accepts what comes from %s', (_how, make) => {
    expect(Array.from({ length: 1000 }, make).filter((secret) => guessableSecret(secret).length > 0)).toEqual([])
  })

  it('judges what follows the name of an encoding, which is of another alphabet', () => {
    expect(guessableSecret('base64:fHKDHkOajupaFS7DAHzFLKg/ePPe+tIKYshWytYKs98=')).toEqual([])
  })

  it.each([
    ['12345678', 'sha256', 'hex'],
    ['secret', 'sha256', 'base64'],
    ['password', 'sha512', 'hex'],
    ['', 'sha256', 'base64url'],
    ['changeme', 'sha384', 'base64'],
  ] as const)('refuses the hash of %j by %s in %s', (word, digest, form) => {
    const secret = createHash(digest).update(word).digest(form)
    expect(problemsOf({ ...COMPLETE, CURSOR_SECRET: secret })).toEqual([expect.stringContaining('publicly known')])
  })

  it.each([
    ['404E635266556A586E3272357538782F413F4428472B4B6250645367566B5970', 'of tutorials of Spring'],
    ['192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf', 'of the documentation of Flask'],
    ['3EK6FD+o0+c7tzBNVfjpMkNDi2yARAAKzQlk8O2IKoxQu4nF7EdAh8s3TwpHwrdWT6R', 'of the documentation of Hasura'],
    ['5lrMXKKWCVocS/uerPsl7V+TX/aaUaI7iDkgl3tSmLE=', 'of the example file of Infisical'],
    ['sk-9f73s3ljTXVcMT3Blb3ljTqtsKiGHXVcMT3BlbkFJLK7U', 'of the example file of Dify'],
    ['base64:11oETzKXQAGaYdkL5gEmGeJJFuYh7EQnp2XdTP1o/Vo', 'of tutorials of Tornado, written otherwise'],
    ['5968S5Rrxr2y1qzrLXrtDxqILFjvHIG3', 'of a public list'],
    ['68V0zWFrS72GbpPreidkQFLfj4v9m3Ti+DXc8OB0gcM=', 'of a public list'],
    ['70FHyixzE6MA9K8mfqLnvdrn_5o_QCHW9d8wDzUTrQZGpY9', 'of a public list'],
    ['8NcDaTndvnLvi3wR2xWsfLjUPyLMdLki', 'of a public list'],
  ])('refuses %s, %s, although it was random', (secret) => {
    expect(problemsOf({ ...COMPLETE, CURSOR_SECRET: secret })).toEqual([expect.stringContaining('publicly known')])
  })

  it.each(['password', 'changeme123', '1234567890123456', 'redis-redis-redis'])(
    'refuses the password %j in production',
    (password) => {
      expect(problemsOf({ ...COMPLETE, NODE_ENV: 'production', REDIS_PASSWORD: password })).toEqual([
        expect.stringContaining('REDIS_PASSWORD is publicly known'),
      ])
    },
  )
})
