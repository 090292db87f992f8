import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { MANIFESTS } from './support/cluster.ts'
import { runSeeds, runSteps } from './support/lane.ts'
import { skipReason } from './support/live.ts'
import { copyManifests } from './support/pod.ts'
import { drawSequence } from './support/sequence.ts'

describe('random sequences', () => {
  test('a seed always draws the same sequence, and every fault is drawn', () => {
    expect(drawSequence(7)).toEqual(drawSequence(7))
    const drawn = new Set(Array.from({ length: 50 }, (_, seed) => drawSequence(seed).map(({ fault }) => fault)).flat())
    expect(drawn.size).toBe(7)
  })

  test.skipIf(skipReason)('without the guard of step 6 the check sees the rollback', { timeout: 150_000 }, async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'unguarded-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const manifestFolder = copyManifests(MANIFESTS, folder, (script) =>
      script.replace('master_restarts() {', "master_restarts() {\n  run ''"),
    )
    const steps = [{ fault: 'kill-redis', ordinal: 0, lastsMs: 0, thenMs: 2_000 }] as const
    const { violations } = await runSteps(steps, { subnet: 16, manifestFolder })
    expect(violations).toEqual([expect.stringMatching(/^rollback: redis-node-0 serves without entry \d+, which/)])
  })

  test.skipIf(skipReason)('two fixed seeds hold the invariants', { timeout: 150_000 }, async () => {
    const results = await runSeeds({ seeds: [1, 2], subnets: [13, 14] })
    expect(results.flatMap(({ violations }) => violations)).toEqual([])
  })
})
