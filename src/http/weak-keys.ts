/** Public keys that must not be trusted: broken ones, private ones, and weak ones, whose signatures can be forged. */
import { checkPrimeSync, createPublicKey, type JsonWebKey } from 'node:crypto'
import type { JWK } from 'jose'

const MIN_MODULUS_BITS = 2048
/** One verification with a larger one takes so long that each token would be a small attack. */
const MAX_MODULUS_BITS = 8192
/** FIPS 186-5, A.1.1. */
const MIN_EXPONENT = 65_537n
/** Enough for primes that were chosen close together by mistake (CVE-2022-26320). */
const FERMAT_ROUNDS = 100

/** @returns why a member of a key set cannot be used to check signatures, as the end of a sentence; null when it can */
export function keyFault(jwk: unknown): string | null {
  if (jwk === null || typeof jwk !== 'object') return 'is not a JWK'
  const { kty, d, priv, k } = jwk as JWK
  if (typeof kty !== 'string') return 'has no kty'
  if (kty === 'oct' || k !== undefined) return 'is a shared secret'
  if (d !== undefined || priv !== undefined) return 'contains its private half: anyone who can fetch it can sign'
  // Algorithms that Node does not know as a JWK cannot be asked for either.
  if (kty !== 'RSA' && kty !== 'EC' && kty !== 'OKP') return 'has an unknown kty'
  try {
    createPublicKey({ key: jwk as unknown as JsonWebKey, format: 'jwk' })
  } catch {
    return 'cannot be imported: its parameters are missing or not on its curve'
  }
  if (kty === 'RSA') return rsaFault(jwk as JWK)
  return kty === 'OKP' && (jwk as JWK).crv === 'Ed25519' ? ed25519Fault(jwk as JWK) : null
}

function rsaFault({ n = '', e = '' }: JWK): string | null {
  const modulus = unsigned(n)
  const exponent = unsigned(e)
  const bits = modulus.toString(2).length
  if (bits < MIN_MODULUS_BITS) return `has a modulus of ${bits} bits, fewer than ${MIN_MODULUS_BITS}`
  if (bits > MAX_MODULUS_BITS) return `has a modulus of ${bits} bits, more than ${MAX_MODULUS_BITS}`
  if (exponent < MIN_EXPONENT) return `has a public exponent below ${MIN_EXPONENT}`
  if (exponent % 2n === 0n) return 'has an even public exponent'
  if (SMALL_PRIMES.some((prime) => modulus % prime === 0n)) return 'has a modulus with a small factor'
  if (checkPrimeSync(modulus, { checks: 1 })) return 'has a modulus that is a prime'
  if (hasFingerprintOfRoca(modulus)) return 'was made by a chip with the ROCA flaw (CVE-2017-15361)'
  return isProductOfNeighbours(modulus) ? 'has a modulus whose factors lie close together' : null
}

const unsigned = (base64url: string) => BigInt(`0x0${Buffer.from(base64url, 'base64url').toString('hex')}`)

const SMALL_PRIMES = primesBelow(10_000)

function primesBelow(limit: number): bigint[] {
  const isComposite = new Uint8Array(limit)
  const primes: bigint[] = []
  for (let candidate = 2; candidate < limit; candidate++) {
    if (isComposite[candidate]) continue
    primes.push(BigInt(candidate))
    for (let multiple = candidate * candidate; multiple < limit; multiple += candidate) isComposite[multiple] = 1
  }
  return primes
}

/**
 * Nemec et al., "The Return of Coppersmith's Attack" (CCS 2017): modulo each small prime, such a modulus is a power of
 * 65537. A random modulus has this property with a probability of 2^-27.
 */
const ROCA_LARGEST_PRIME = 167n
const ROCA_RESIDUES = SMALL_PRIMES.filter((prime) => prime > 2n && prime <= ROCA_LARGEST_PRIME).map((prime) => {
  const residues = new Set<bigint>()
  for (let power = 1n; !residues.has(power); power = (power * 65_537n) % prime) residues.add(power)
  return { prime, residues }
})

const hasFingerprintOfRoca = (modulus: bigint) =>
  ROCA_RESIDUES.every(({ prime, residues }) => residues.has(modulus % prime))

/** Fermat's factorisation: the factors are `a ± b` where `a² - n = b²`, and `a` is near the root when they are near. */
function isProductOfNeighbours(modulus: bigint): boolean {
  const root = rootOf(modulus)
  let a = root * root === modulus ? root : root + 1n
  for (let round = 0; round < FERMAT_ROUNDS; round++, a++) {
    const rest = a * a - modulus
    const b = rootOf(rest)
    if (b * b === rest) return true
  }
  return false
}

/** The largest whole number whose square is not larger; Newton's method from above. */
function rootOf(value: bigint): bigint {
  if (value < 2n) return value
  let root = 1n << BigInt(Math.ceil(value.toString(2).length / 2))
  for (;;) {
    const next = (root + value / root) >> 1n
    if (next >= root) return root
    root = next
  }
}

/** Points of small order, in every encoding (as libsodium has them): a signature that fits such a key fits any message. */
const SMALL_ORDER = new Set([
  `${'00'.repeat(32)}`,
  `01${'00'.repeat(31)}`,
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  `ec${'ff'.repeat(30)}7f`,
  `ed${'ff'.repeat(30)}7f`,
  `ee${'ff'.repeat(30)}7f`,
])

function ed25519Fault({ x = '' }: JWK): string | null {
  const point = Buffer.from(x, 'base64url')
  // The highest bit is the sign of the other coordinate.
  point[31] = (point[31] ?? 0) & 0x7f
  return SMALL_ORDER.has(point.toString('hex')) ? 'is a point of small order, for which anybody can sign' : null
}
