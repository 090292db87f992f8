import { describe, expect, it } from 'vitest'
import { ABLATIONS, type Ablation, ALL_PROTECTIONS } from './protections.ts'
import { SCENARIOS, type ScenarioName, TINY } from './scenarios.ts'
import { searchAll, searchSeeds, traceOf } from './search.ts'

/** Where each ablation is caught: the scenario and the first seed there. `node test/drills/model.ts --off` finds others. */
const CAUGHT: Record<Ablation, { in: ScenarioName; seed: number }> = {
  'no stamps': { in: 'deletes lost', seed: 3 },
  'no leases': { in: 'no followers', seed: 17 },
  'lease after the load': { in: 'no followers', seed: 69 },
  'newest input as stamp': { in: 'every fault', seed: 81 },
  'in-progress list ignored': { in: 'many writers, deletes lost', seed: 39 },
  'follower by highest id': { in: 'database crashes', seed: 567 },
  'rows before the position': { in: 'many writers, deletes lost', seed: 394 },
  'stamp and load in two statements': { in: 'deletes lost', seed: 27 },
  'no catch-up before deriving': { in: 'two writers, no followers', seed: 101 },
  'derived entry deleted first': { in: 'no followers', seed: 591 },
  'derived generation first': { in: 'no followers', seed: 1787 },
  'manifest deleted first': { in: 'three instances', seed: 13385 },
  'naive joins': { in: 'store away', seed: 64 },
  'joins after the seal': { in: 'two writers, no followers', seed: 1482 },
  'in-process copies unchecked': { in: 'no followers', seed: 326 },
  'flush by the log alone': { in: 'no followers', seed: 26 },
  'no incarnation': { in: 'id handed out again', seed: 14254 },
  'token without incarnation': { in: 'token of an id handed out again', seed: 21234 },
  'no history': { in: 'database restored', seed: 639 },
  'no locks': { in: 'join meets revocation', seed: 1726 },
  'no floor': { in: 'memory forgets', seed: 1271 },
  'own commits not kept': { in: 'database crashes', seed: 6341 },
  'gap unnoticed': { in: 'log pruned', seed: 268 },
  'start without a floor': { in: 'log pruned', seed: 123 },
}

const SCHEDULES_EACH = 350

describe('the protocol with all protections', () => {
  it.each(Object.keys(SCENARIOS) as ScenarioName[])('keeps its promises: %s', (name) => {
    const { found, reads } = searchSeeds(SCENARIOS[name], ALL_PROTECTIONS, { schedules: SCHEDULES_EACH })
    expect(reads).toBeGreaterThan(SCHEDULES_EACH / 2)
    if (found) expect.fail(`seed ${found.seed}\n${traceOf(SCENARIOS[name], ALL_PROTECTIONS, found.seed).join('\n')}`)
  })

  it.each(['a member leaves under one reader', 'a grant is taken under one reader'] as const)(
    'in every order of steps: %s',
    (name) => {
      expect(searchAll(TINY[name], ALL_PROTECTIONS, { schedules: 100_000 })).toMatchObject({
        found: null,
        exhausted: true,
      })
    },
  )
})

describe('the judge finds the anomaly', () => {
  it.each(Object.entries(ABLATIONS))('of %s: %s', (name) => {
    const { in: scenario, seed } = CAUGHT[name as Ablation]
    const bounds = { from: seed, schedules: 1 }
    expect(searchSeeds(SCENARIOS[scenario], { [name]: true }, bounds).found).not.toBeNull()
    // The same schedule with the protection in place: the judge does not cry wolf.
    expect(searchSeeds(SCENARIOS[scenario], ALL_PROTECTIONS, bounds).found).toBeNull()
  })
})
