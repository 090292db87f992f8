/** What the triggers that speak for other writers cost the service's own mutations: the same changes with them and without. */
import { createInvalidationIndex, createMutationRunner, type EntryStore } from '../../src/cache/index.ts'
import type { MutationContext } from '../../src/domain/api.ts'
import { retentionOf } from '../../src/domain/keys.ts'
import { LAYERS } from '../../src/domain/layers.ts'
import type { UserId } from '../../src/domain/model.ts'
import { addUserToGroup, removeUserFromGroup, updateResource } from '../../src/domain/mutations/index.ts'
import type { Transaction } from '../../src/domain/transaction.ts'
import { createDatabase } from '../../src/postgres/pool.ts'
import { createUnitOfWork } from '../../src/postgres/unit-of-work.ts'
import type { Bench } from '../harness/bench.ts'
import { SCRATCH_GROUP, scratchUser, withClient, withCopies } from '../harness/data-set.ts'
import { median } from '../harness/statistics.ts'

export interface TriggersResult {
  /** Milliseconds for one mutation, in the median of slices. */
  readonly withMs: number
  readonly withoutMs: number
  /** The median of what each pair of slices, one after the other, comes to. */
  readonly ratio: number
}

const SLICES = 40
const ROUNDS = 40
const TABLES = ['users', 'groups', 'memberships', 'resources', 'grants']
const context: MutationContext = { actor: 'bench' as UserId }
/** No delete in Redis: it would only add to both. */
const store = { async invalidate() {}, async replaceGenerations() {} } as unknown as EntryStore

export async function measureTriggers(bench: Bench): Promise<TriggersResult> {
  bench.log('mutations with the triggers for other writers and without')
  const dataSet = await bench.dataSet(1000)
  return withCopies(bench.stack.local.databaseUrl, dataSet, ['heard', 'unheard'], async (urls) => {
    await withClient(urls[1] ?? '', async (client) => {
      for (const table of TABLES) await client.query(`ALTER TABLE ${table} DISABLE TRIGGER USER`)
    })
    return compared(urls.map(createWriter))
  })
}

async function compared(writers: readonly Writer[]): Promise<TriggersResult> {
  try {
    for (const writer of writers) await writer.slice(5 * ROUNDS)
    const [heard, unheard]: [number[], number[]] = [[], []]
    for (let slice = 0; slice < SLICES; slice++) {
      // Each goes first as often as the other.
      const order = slice % 2 === 0 ? [0, 1] : [1, 0]
      for (const at of order) (at === 0 ? heard : unheard).push((await writers[at]?.slice(ROUNDS)) ?? Number.NaN)
    }
    return {
      withMs: median(heard),
      withoutMs: median(unheard),
      ratio: median(heard.map((ms, at) => ms / (unheard[at] ?? Number.NaN))),
    }
  } finally {
    for (const writer of writers) await writer.close()
  }
}

type Writer = ReturnType<typeof createWriter>

function createWriter(url: string) {
  const database = createDatabase({ url, poolMax: 1, queueMax: 10, statementTimeoutMs: 10_000 })
  const unitOfWork = createUnitOfWork({ database, affectedMax: 1000, timeoutMs: 30_000, notify: true })
  const index = createInvalidationIndex({ retentionOf, maxTags: 200_000 })
  const runner = createMutationRunner<Transaction, MutationContext>({ layers: LAYERS, unitOfWork, store, index })
  const group = { name: SCRATCH_GROUP }
  let turn = 0
  return {
    /** Milliseconds for one mutation. */
    async slice(rounds: number): Promise<number> {
      const each: number[] = []
      const timed = async (work: Promise<unknown>, startedMs = performance.now()) => {
        await work
        each.push(performance.now() - startedMs)
      }
      for (let round = 0; round < rounds; round++) {
        const userId = scratchUser(turn++ % 16) as UserId
        await timed(runner.run(addUserToGroup, { group, userId }, context))
        await timed(runner.run(removeUserFromGroup, { group, userId }, context))
        const changes = { description: `turn ${turn}` }
        await timed(runner.run(updateResource, { resource: { name: 'team-5/service-5' }, changes }, context))
      }
      return each.reduce((sum, ms) => sum + ms, 0) / each.length
    },
    close: () => database.close(),
  }
}
