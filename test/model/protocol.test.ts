import { describe, expect, it } from 'vitest'
import { CAUGHT } from './caught.ts'
import { ABLATIONS, type Ablation, ALL_PROTECTIONS } from './protections.ts'
import { SCENARIOS, type ScenarioName, TINY } from './scenarios.ts'
import { searchAll, searchSeeds, traceOf } from './search.ts'

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
