import { createLocalJWKSet } from 'jose'
import { describe, expect, it } from 'vitest'
import { AUDIENCE, createTestApp, ISSUER, signToken, testKeys } from '../../test/support/app.ts'
import { served } from '../../test/support/served.ts'
import { createAuthentication } from './authentication.ts'
import { networkOf, plainAddress } from './client-address.ts'

describe('an address as proxies write it', () => {
  it.each([
    ['203.0.113.9', '203.0.113.9'],
    [' 203.0.113.9 ', '203.0.113.9'],
    ['203.0.113.9:50001', '203.0.113.9'],
    ['"203.0.113.9:50001"', '203.0.113.9'],
    ['2001:DB8::7', '2001:db8::7'],
    ['[2001:db8::7]', '2001:db8::7'],
    ['[2001:db8::7]:5000', '2001:db8::7'],
    ['"[2001:db8::7]:5000"', '2001:db8::7'],
    ['fe80::1%eth0', 'fe80::1'],
    ['[fe80::1%25eth0]:1', 'fe80::1'],
    ['::ffff:203.0.113.9', '203.0.113.9'],
    ['::FFFF:cb00:7109', '203.0.113.9'],
    ['0:0:0:0:0:ffff:203.0.113.9', '203.0.113.9'],
    ['[::ffff:203.0.113.9]:443', '203.0.113.9'],
    ['::1', '::1'],
    ['unknown', null],
    ['_hidden', null],
    ['203.0.113.9:50001:1', null],
    ['203.0.113', null],
    ['', null],
  ])('%j is %j', (written, address) => expect(plainAddress(written)).toBe(address))
})

describe('the network of an address', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['192.0.2.1:80', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::ffff:c000:201', '192.0.2.1'],
    ['2001:db8:0:1:aaaa::1', '2001:db8:0:1::/64'],
    ['2001:0DB8::1', '2001:db8:0:0::/64'],
    ['[2001:db8::1]:9', '2001:db8:0:0::/64'],
    ['2001:db8::2:3:4:5:6', '2001:db8:0:2::/64'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['', 'unknown'],
    ['made up', 'unknown'],
  ])('%s is %s', (address, network) => expect(networkOf(address)).toBe(network))
})

describe('the limit on refused tokens behind a proxy', () => {
  async function behindProxy(trustProxy: number | string) {
    const keys = await testKeys()
    const forger = await testKeys()
    const authentication = createAuthentication({
      keys: createLocalJWKSet({ keys: [keys.publicJwk as { kty: string }] }),
      issuer: ISSUER,
      audience: AUDIENCE,
      algorithms: ['ES256'],
      rolesClaim: 'roles',
      refusedPerMinute: 3,
      nowMs: Date.now,
    })
    const { send } = await served((await createTestApp({ authentication, trustProxy })).app)
    return async (forwardedFor: string) => {
      const token = await signToken(forger, 'u', { claims: { jti: crypto.randomUUID() } })
      const headers = { authorization: `Bearer ${token}`, 'x-forwarded-for': forwardedFor }
      return (await send({ path: '/me', headers })).status
    }
  }

  it.each([
    ['ports', (at: number) => `203.0.113.9:${50_000 + at}`],
    ['brackets and ports', (at: number) => `[2001:db8::7]:${5000 + at}`],
    [
      'spellings',
      (at: number) => ['2001:db8::7', '[2001:DB8:0::7]', '2001:0db8::0007', '"[2001:db8::7]:1"'][at % 4] ?? '',
    ],
    ['mapped addresses', (at: number) => ['203.0.113.9', '::ffff:203.0.113.9', '::ffff:cb00:7109'][at % 3] ?? ''],
    ['zones', (at: number) => `fe80::1%eth${at}`],
    ['words', (at: number) => `word-${at}`],
  ])('is not passed by other %s', async (_how, address) => {
    const statusFrom = await behindProxy(1)
    const statuses: number[] = []
    for (let at = 0; at < 5; at++) statuses.push(await statusFrom(address(at)))
    expect(statuses).toEqual([401, 401, 401, 429, 429])
    expect(await statusFrom('198.51.100.77')).toBe(401)
  })

  it('counts the client of a trusted proxy that writes its own port', async () => {
    const statusFrom = await behindProxy('loopback, 10.0.0.0/8')
    for (let at = 0; at < 3; at++) expect(await statusFrom(`203.0.113.9, 10.0.0.1:${at}`)).toBe(401)
    expect(await statusFrom('203.0.113.9, 10.0.0.2:9')).toBe(429)
    expect(await statusFrom('203.0.113.10, 10.0.0.2:9')).toBe(401)
  })
})
