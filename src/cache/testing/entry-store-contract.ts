/** The contract of every entry store, whatever it is built on; run against the in-memory one and against Redis. */
import type { LayerNames } from '../layers.ts'
import { describeLeasesAndFills } from './entry-store-leases-and-fills.ts'
import { describeOpening } from './entry-store-opening.ts'
import { describeReading } from './entry-store-reading.ts'
import { describeRemoving } from './entry-store-removing.ts'
import { CONTRACT_LAYERS, type EntryStoreHarness, storeUnderTest, type TestRunner } from './store-under-test.ts'

/**
 * Declares the tests of one store.
 * @param runner `{ describe, it, beforeEach, afterEach, expect }` of vitest or jest
 * @param open an empty store for this table of layers; it is asked for one before each test
 */
export function describeEntryStore(
  runner: TestRunner,
  name: string,
  open: (layers: LayerNames) => Promise<EntryStoreHarness>,
): void {
  runner.describe(name, () => {
    let harness: EntryStoreHarness
    runner.beforeEach(async () => {
      harness = await open(CONTRACT_LAYERS)
    })
    runner.afterEach(() => harness.close())
    const on = storeUnderTest(() => harness)
    describeReading(runner, on)
    describeLeasesAndFills(runner, on)
    describeOpening(runner, on)
    describeRemoving(runner, on)
  })
}
