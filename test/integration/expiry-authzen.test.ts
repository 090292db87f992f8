/** What a decision says of its own end: from the cache and by SQL. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Expiring, startExpiring } from '../support/expiring.ts'

const END = '2099-01-31T12:00:00.000Z'
const LATER = '2099-06-30T12:00:00.000Z'

let world: Expiring
beforeAll(async () => {
  world = await startExpiring()
})
afterAll(() => world?.close())
beforeEach(() => world.begin())

const about = (id: string, name: string, resource: string) => ({
  subject: { type: 'user', id },
  action: { name },
  resource: { type: 'document', id: resource },
})

describe.each([
  ['from the cache', {}],
  ['by SQL', { 'cache-control': 'no-cache' }],
])('a decision %s', (_, headers) => {
  const ask = async (...question: Parameters<typeof about>) =>
    (await world.call('POST /access/v1/evaluation', about(...question), headers)).body

  it('that does not change by itself says nothing of an end', async () => {
    expect(await ask('ann', 'read', 'handbook')).toEqual({ decision: true })
    expect(await ask('eve', 'read', 'handbook')).toEqual({ decision: false })
  })

  it('says when it may end, with the membership or the grant, and a denial never ends', async () => {
    await world.call('PUT /groups/name:other/members/eve', { expiresAt: LATER })
    expect(await ask('eve', 'read', 'elsewhere')).toEqual({ decision: true, context: { until: LATER } })
    await world.call('PUT /groups/name:other/grants/name:elsewhere', { permission: 'maintain', expiresAt: END })
    expect(await ask('eve', 'read', 'elsewhere')).toEqual({ decision: true, context: { until: END } })
    expect(await ask('dee', 'read', 'elsewhere')).toEqual({ decision: true, context: { until: END } })
    expect(await ask('eve', 'admin', 'elsewhere')).toEqual({ decision: false })
    expect(await ask('eve', 'read', 'handbook')).toEqual({ decision: false })
  })

  it('lasts as long as the longest of equal grants', async () => {
    await world.call('PUT /groups/name:dept%2Fred/grants/name:handbook', { permission: 'read', expiresAt: END })
    await world.call('PUT /groups/name:dept/grants/name:handbook', { permission: 'read', expiresAt: LATER })
    expect(await ask('ben', 'read', 'handbook')).toEqual({ decision: true, context: { until: LATER } })
    await world.call('PUT /groups/name:dept/grants/name:handbook', { permission: 'read', expiresAt: null })
    expect(await ask('ben', 'read', 'handbook')).toEqual({ decision: true })
  })

  it('is one of many with ends of their own', async () => {
    await world.call('PUT /groups/name:other/members/eve', { expiresAt: END })
    const evaluations = [
      about('eve', 'read', 'elsewhere'),
      about('dee', 'read', 'elsewhere'),
      about('eve', 'read', 'handbook'),
      {},
    ]
    const { body } = await world.call('POST /access/v1/evaluations', { evaluations }, headers)
    expect(body.evaluations).toEqual([
      { decision: true, context: { until: END } },
      { decision: true },
      { decision: false },
      { decision: false, context: { error: expect.anything() } },
    ])
  })

  it('is a denial after the end, even while the row is still there', async () => {
    await world.holdJob()
    const expiresAt = world.hence(800)
    await world.call('PUT /groups/name:other/members/eve', { expiresAt })
    expect(await ask('eve', 'read', 'elsewhere')).toEqual({ decision: true, context: { until: expiresAt } })
    await world.passed(expiresAt)
    expect(await ask('eve', 'read', 'elsewhere')).toEqual({ decision: false })
    await world.letJobGo()
  })
})
