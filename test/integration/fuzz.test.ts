/** Requests made of the API's own description, valid, at the edges and broken: every answer is one that it documents. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type FuzzReport, fuzz } from '../security/fuzz.ts'
import { fuzzedOrganisation, fuzzedValues } from '../security/fuzzed-organisation.ts'
import { type ServedFleet, serveFleet } from '../security/served-fleet.ts'
import { asRoot } from '../support/service.ts'
import { dropDatabase, freshDatabase, redisEnvironment } from '../support/stack.ts'

const REQUESTS = Number(process.env.FUZZ_REQUESTS ?? 800)
const SEED = Number(process.env.FUZZ_SEED ?? 20_260_101)

let databaseUrl: string
let fleet: ServedFleet
let report: FuzzReport

beforeAll(async () => {
  databaseUrl = await freshDatabase()
  fleet = await serveFleet({ databaseUrl, redis: redisEnvironment(), count: 1 })
  const [instance] = fleet.instances
  await instance!.portcullis.mutations.importOrganisation(fuzzedOrganisation, asRoot)
  report = await fuzz({
    client: instance!.client,
    authorization: {
      admin: await fleet.authorization('root', { roles: ['admin', 'cache-admin'] }),
      user: await fleet.authorization('ben'),
      stranger: await fleet.authorization('nobody-knows-me'),
    },
    seed: SEED,
    requests: REQUESTS,
    known: fuzzedValues,
  })
})
afterAll(async () => {
  await fleet?.close()
  await dropDatabase(databaseUrl)
})

describe('a fuzzed API', () => {
  it('answers every request as its document says', () => {
    expect(report.failures).toEqual([])
  })

  it('was asked for every operation, and refused and granted each kind of thing', () => {
    expect(report.requests).toBeGreaterThanOrEqual(REQUESTS)
    expect(new Set([...report.reached].map((each) => each.replace(/ \d+$/, ''))).size).toBe(report.operations)
    for (const status of [200, 201, 204, 400, 401, 403, 404, 405]) expect([...report.statuses.keys()]).toContain(status)
  })
})
