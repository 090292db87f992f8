import { checkPrimeSync, generateKeyPairSync, generatePrimeSync, randomBytes } from 'node:crypto'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { fileKeys } from './verification-keys.ts'
import { keyFault } from './weak-keys.ts'

const base64url = (value: bigint) => {
  const hex = value.toString(16)
  return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex').toString('base64url')
}
const rsa = (n: bigint, e = 65_537n) => ({ kty: 'RSA', n: base64url(n), e: base64url(e) })
const prime = (bits: number) => generatePrimeSync(bits, { bigint: true })

/** A prime as the flawed library made them: `k * M + (65537^a mod M)`, with M a product of the first primes. */
function rocaPrime(bits: number): bigint {
  let primorial = 1n
  for (let candidate = 2; candidate <= 701; candidate++)
    if (checkPrimeSync(BigInt(candidate))) primorial *= BigInt(candidate)
  const spare = bits - primorial.toString(2).length
  for (;;) {
    let residue = 1n
    const a = randomBytes(2).readUInt16BE()
    for (let power = 0; power < a % 1000; power++) residue = (residue * 65_537n) % primorial
    const k = BigInt(`0x${randomBytes(Math.ceil(spare / 8)).toString('hex')}`) | (1n << BigInt(spare - 1))
    const candidate = k * primorial + residue
    if (checkPrimeSync(candidate)) return candidate
  }
}

describe('a public key', { timeout: 60_000 }, () => {
  const product = prime(1024) * prime(1024)

  it.each([
    ['RSA', () => generateKeyPairSync('rsa', { modulusLength: 2048 })],
    ['RSA with 4096 bits', () => generateKeyPairSync('rsa', { modulusLength: 4096 })],
    ['P-256', () => generateKeyPairSync('ec', { namedCurve: 'P-256' })],
    ['P-521', () => generateKeyPairSync('ec', { namedCurve: 'P-521' })],
    ['Ed25519', () => generateKeyPairSync('ed25519')],
  ] as const)('of %s is accepted, and its private half is not', (_kind, make) => {
    const { publicKey, privateKey } = make()
    expect(keyFault(publicKey.export({ format: 'jwk' }))).toBeNull()
    expect(keyFault(privateKey.export({ format: 'jwk' }))).toContain('private')
  })

  it.each([
    ['exponent 1', () => rsa(product, 1n), 'exponent below'],
    ['exponent 3', () => rsa(product, 3n), 'exponent below'],
    ['an even exponent', () => rsa(product, 65_538n), 'even public exponent'],
    ['1024 bits', () => rsa(prime(512) * prime(512)), 'fewer than 2048'],
    ['16384 bits', () => rsa((1n << 16_383n) + 1n), 'more than 8192'],
    ['a small factor', () => rsa(prime(2040) * 9973n), 'small factor'],
    ['a prime for its modulus', () => rsa(prime(2048)), 'is a prime'],
    ['a square for its modulus', () => rsa(prime(1025) ** 2n), 'close together'],
    [
      'factors that are neighbours',
      () => {
        const p = prime(1025)
        let q = p + 2n
        while (!checkPrimeSync(q)) q += 2n
        return rsa(p * q)
      },
      'close together',
    ],
    ['the fingerprint of ROCA', () => rsa(rocaPrime(1030) * rocaPrime(1030)), 'ROCA'],
  ] as const)('of RSA with %s is refused', (_what, jwk, why) => {
    expect(keyFault(jwk())).toContain(why)
  })

  it.each([
    '00'.repeat(32),
    `01${'00'.repeat(31)}`,
    `01${'00'.repeat(30)}80`,
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
    `ec${'ff'.repeat(31)}`,
  ])('of Ed25519 that is the point of small order %s is refused', (hex) => {
    const x = Buffer.from(hex, 'hex').toString('base64url')
    expect(keyFault({ kty: 'OKP', crv: 'Ed25519', x })).toContain('small order')
  })
})

describe('the file of a public key', () => {
  const written = (content: string) => {
    const path = join(mkdtempSync(join(tmpdir(), 'keys-')), 'keys.json')
    writeFileSync(path, content)
    return path
  }

  it('may hold one key or a set', () => {
    const jwk = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' })
    expect(() => fileKeys(written(JSON.stringify(jwk)))).not.toThrow()
    expect(() => fileKeys(written(JSON.stringify({ keys: [jwk, { kty: 'oct', k: 'AAAA' }] })))).not.toThrow()
  })

  it('without a usable key ends the start with a reason, and with nothing of its content', () => {
    expect(() => fileKeys(written('-----BEGIN hunter2'))).toThrow(/keys\.json is not JSON: give a JWK/)
    expect(() => fileKeys(written('-----BEGIN hunter2'))).not.toThrow(/hunter2/)
    expect(() => fileKeys(written('{"kty":"oct","k":"AAAA"}'))).toThrow(/holds no key .*; key number 1 is a shared/)
    expect(() => fileKeys(written('null'))).toThrow(/holds no key/)
  })
})
