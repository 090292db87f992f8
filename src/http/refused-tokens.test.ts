import { createLocalJWKSet, type JWTVerifyGetKey } from 'jose'
import { beforeAll, describe, expect, it } from 'vitest'
import { AUDIENCE, ISSUER, signToken, type TestKeys, testKeys } from '../../test/support/app.ts'
import { createAuthentication } from './authentication.ts'

const ATTACKER = '203.0.113.9'
const PER_MINUTE = 5

describe('tokens that nobody signed', () => {
  let keys: TestKeys
  let forger: TestKeys
  beforeAll(async () => {
    keys = await testKeys()
    forger = await testKeys()
  })

  /** Counts how often a key was looked up, which comes right before a signature is verified. */
  function setUp() {
    const clock = { nowMs: Date.now() }
    const local = createLocalJWKSet({ keys: [keys.publicJwk as { kty: string }] })
    let verifications = 0
    const counted: JWTVerifyGetKey = (header, token) => {
      verifications++
      return local(header, token)
    }
    const authentication = createAuthentication({
      keys: counted,
      issuer: ISSUER,
      audience: AUDIENCE,
      algorithms: ['ES256'],
      rolesClaim: 'roles',
      refusedPerMinute: PER_MINUTE,
      nowMs: () => clock.nowMs,
    })
    const outcomeOf = async (signer: TestKeys, subject: string, address: string, jti = crypto.randomUUID()) =>
      authentication
        .authenticate(`Bearer ${await signToken(signer, subject, { claims: { jti } })}`, address)
        .then((caller) => caller.id)
        .catch((error: { code: string; headers: Record<string, string> }) => error)
    const flood = async (count: number, subject = 'nobody', address = ATTACKER) => {
      for (let sent = 0; sent < count; sent++) await outcomeOf(forger, subject, address)
    }
    return { authentication, clock, outcomeOf, flood, verifications: () => verifications }
  }

  it('are verified only so often for one address, then refused with 429 until the minute is over', async () => {
    const { outcomeOf, flood, verifications, clock } = setUp()
    await flood(PER_MINUTE)
    expect(verifications()).toBe(PER_MINUTE)
    clock.nowMs += 20_000
    expect(await outcomeOf(forger, 'nobody', ATTACKER)).toMatchObject({
      code: 'too-many-requests',
      headers: { 'Retry-After': '40' },
    })
    expect(verifications()).toBe(PER_MINUTE)
    expect(await outcomeOf(keys, 'uma', '198.51.100.1')).toBe('uma')
    clock.nowMs += 40_000
    expect(await outcomeOf(keys, 'uma', ATTACKER)).toBe('uma')
  })

  it('do not lock out a user who was accepted at the same address: neither the token nor the next one', async () => {
    const { authentication, outcomeOf, flood } = setUp()
    const token = `Bearer ${await signToken(keys, 'uma')}`
    await authentication.authenticate(token, ATTACKER)
    await flood(3 * PER_MINUTE)
    expect(authentication.remembered(token)?.id).toBe('uma')
    expect(await outcomeOf(keys, 'uma', ATTACKER)).toBe('uma')
    expect(await outcomeOf(keys, 'maria', ATTACKER)).toMatchObject({ code: 'too-many-requests' })
  })

  it('gain little by naming such a user', async () => {
    const { outcomeOf, flood, verifications } = setUp()
    await outcomeOf(keys, 'uma', ATTACKER)
    await flood(1000, 'uma')
    expect(verifications()).toBeLessThanOrEqual(1 + PER_MINUTE + 10)
  })

  it('cost nothing when they are repeated, and use up nobody’s share', async () => {
    const { authentication, outcomeOf, verifications } = setUp()
    const expired = `Bearer ${await signToken(keys, 'uma', { expiresAt: 1_700_000_000 })}`
    const forged = `Bearer ${await signToken(forger, 'uma')}`
    for (let repeated = 0; repeated < 20; repeated++)
      for (const token of [expired, forged])
        await expect(authentication.authenticate(token, ATTACKER)).rejects.toMatchObject({ code: 'unauthenticated' })
    // The expired one is refused before any key is asked for.
    expect(verifications()).toBe(1)
    expect(await outcomeOf(keys, 'maria', ATTACKER)).toBe('maria')
  })

  it('are tried again where time or another key can make them good', async () => {
    const { authentication, clock } = setUp()
    const soon = Math.floor(clock.nowMs / 1000) + 30
    const early = `Bearer ${await signToken(keys, 'uma', { claims: { nbf: soon } })}`
    await expect(authentication.authenticate(early, ATTACKER)).rejects.toMatchObject({ code: 'unauthenticated' })
    clock.nowMs += 31_000
    expect((await authentication.authenticate(early, ATTACKER)).id).toBe('uma')
  })
})
