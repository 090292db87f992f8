/**
 * Scenario 17: whatever happens in whatever order, list, single get, explanation and access agree with plain SQL on
 * every instance. fast-check makes up the histories and shrinks one that fails to the few steps that matter.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { startVisibilityFleet, type VisibilityFleet } from './visibility-fleet.ts'
import { anyHistory, type Organisation, runHistory } from './visibility-steps.ts'

/** Histories; each has up to as many steps. */
const RUNS = 12
const STEPS = 40

let fleet: VisibilityFleet
beforeAll(async () => {
  fleet = await startVisibilityFleet()
})
afterAll(() => fleet?.close())

describe('visibility', () => {
  it('17: list, get, explain and access agree with SQL under random mutations', async () => {
    let run = 0
    await fc.assert(
      fc.asyncProperty(anyHistory(STEPS), async (history) => {
        const organisation: Organisation = { prefix: `m${run++}`, fleet }
        await runHistory(organisation, history)
      }),
      { numRuns: RUNS, seed: 20261124, endOnFailure: false },
    )
  }, 60_000)
})
