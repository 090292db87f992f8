import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Stamp, Xid } from '../cache/index.ts'
import { decodeConsistencyToken, encodeConsistencyToken, isOfHistory } from './consistency-token.ts'

const database = '7123456789.5-0000000A-1700000000.25'
const committed = { database, xid: 4711 as Xid }
const at = (name: string): Stamp => ({ database: name, snapshot: { xmin: 1 as Xid, xmax: 1 as Xid, inProgress: [] } })
const token = (text: string) => Buffer.from(text).toString('base64url')

describe('a consistency token', () => {
  it('reads back as the transaction it was made from, whatever its size', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (xid) => {
        const given = { database, xid: xid as Xid }
        expect(decodeConsistencyToken(encodeConsistencyToken(given))).toEqual(given)
      }),
    )
    expect(Buffer.from(encodeConsistencyToken(committed), 'base64url').toString()).toBe(`1.${database}.4711`)
  })

  it.each([
    ['the same incarnation', database, true],
    ['the same history after a restart', '7123456789.5-0000000A-1800000000.1', true],
    ['another timeline', '7123456789.5-0000000B-1700000000.25', false],
    ['another system', '7123456780.5-0000000A-1700000000.25', false],
    ['another database of the same server', '7123456789.6-0000000A-1700000000.25', false],
  ])('belongs to a position of its own history: %s', (_name, other, belongs) => {
    expect(isOfHistory(committed, at(other))).toBe(belongs)
  })

  it('belongs to no history where the position is not known yet', () => {
    expect(isOfHistory(committed, null)).toBe(false)
  })

  it.each([
    ['nothing', ''],
    ['no base64', '!!!'],
    ['padded', `${encodeConsistencyToken(committed)}=`],
    ['of another version', token(`2.${database}.4711`)],
    ['with something before', token(`x1.${database}.4711`)],
    ['with something after', token(`1.${database}.4711x`)],
    ['without a transaction', token(`1.${database}.`)],
    ['without an incarnation', token('1.7123456789.5-0000000A.4711')],
    ['with a timeline in small letters', token('1.7123456789.5-0000000a-1700000000.25.4711')],
    ['with an id no number holds', token(`1.${database}.9007199254740993`)],
    ['with an id of 17 digits', token(`1.${database}.12345678901234567`)],
    ['with bytes outside ASCII', token(`1.${database}.4711é`)],
    ['longer than any that is issued', `${encodeConsistencyToken(committed)}${'A'.repeat(200)}`],
  ])('is malformed when it is %s', (_name, text) => {
    expect(() => decodeConsistencyToken(text)).toThrow(
      expect.objectContaining({
        code: 'token-malformed',
        message: 'the consistency token is not one that a mutation returned',
      }),
    )
  })

  it('says why an id is none', () => {
    try {
      decodeConsistencyToken(token(`1.${database}.9007199254740993`))
      expect.unreachable()
    } catch (error) {
      expect((error as Error).cause).toMatchObject({ code: 'snapshot-format' })
    }
  })
})
