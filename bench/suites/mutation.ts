/** What invalidation adds to a mutation: the same transaction with and without it, in turn, in one process. */
import { randomBytes } from 'node:crypto'
import { createInvalidationIndex, createMutationRunner, type EntryStore, type Mutation } from '../../src/cache/index.ts'
import type { MutationContext } from '../../src/domain/api.ts'
import { retentionOf } from '../../src/domain/keys.ts'
import type { UserId } from '../../src/domain/model.ts'
import { addUserToGroup, removeUserFromGroup, updateResource } from '../../src/domain/mutations/index.ts'
import type { Transaction } from '../../src/domain/transaction.ts'
import { createDatabase } from '../../src/postgres/pool.ts'
import { createUnitOfWork } from '../../src/postgres/unit-of-work.ts'
import { createRedis } from '../../src/redis/index.ts'
import type { Bench } from '../harness/bench.ts'
import { SCRATCH_GROUP, scratchUser } from '../harness/data-set.ts'
import { median, type Spread, spreadOf } from '../harness/statistics.ts'

export interface MutationResult {
  readonly name: string
  readonly withoutMs: Spread
  readonly withMs: Spread
  /** Median over the pairs of the time with invalidation divided by the time without. */
  readonly ratio: number
}

const context: MutationContext = { actor: 'bench' as UserId }
const WARM_UP = 20

export async function measureMutations(bench: Bench): Promise<MutationResult[]> {
  const { databaseUrl } = await bench.dataSet(1000)
  const database = createDatabase({ url: databaseUrl, poolMax: 4, queueMax: 100, statementTimeoutMs: 5000 })
  const prefix = `bench:${randomBytes(4).toString('hex')}:`
  const redis = createRedis({
    sentinels: bench.stack.local.sentinels,
    masterName: bench.stack.local.masterName,
    prefix,
    budgetMs: 100,
  })
  const unitOfWork = createUnitOfWork({ database, affectedMax: 100_000, timeoutMs: 10_000, notify: true })
  const index = createInvalidationIndex({ retentionOf, maxTags: 200_000 })
  const cached = createMutationRunner<Transaction, MutationContext>({ unitOfWork, store: redis.store, index })
  // Nothing is named, so nothing is logged, and the store is never asked.
  const plain = createMutationRunner<Transaction, MutationContext>({ unitOfWork, store: {} as EntryStore, index })
  try {
    while (!redis.answers()) await new Promise((resolve) => setTimeout(resolve, 50))
    const group = { name: SCRATCH_GROUP }
    const resource = { name: 'team-5/service-5' }
    const member = async (round: number, run: Run) => {
      const userId = scratchUser(Math.abs(round) % 64) as UserId
      await run(addUserToGroup, { group, userId, role: 'member' })
      await run(removeUserFromGroup, { group, userId })
    }
    const update = (round: number, run: Run) =>
      run(updateResource, { resource, changes: { description: `round ${round}` } }).then(() => {})
    return [
      await pairs(bench, 'member added and removed', member, { cached, plain }),
      await pairs(bench, 'resource changed', update, { cached, plain }),
    ]
  } finally {
    await redis.close()
    await database.close()
  }
}

type Runner = ReturnType<typeof createMutationRunner<Transaction, MutationContext>>
type Run = <Input, Result>(mutation: Mutation<Transaction, Input, Result>, input: Input) => Promise<unknown>

async function pairs(
  bench: Bench,
  name: string,
  work: (round: number, run: Run) => Promise<void>,
  { cached, plain }: { cached: Runner; plain: Runner },
): Promise<MutationResult> {
  const runCached: Run = (mutation, input) => cached.run(mutation, input, context)
  const runPlain: Run = (mutation, input) => plain.run({ ...mutation, rules: [] }, input, context)
  const times = { with: [] as number[], without: [] as number[] }
  for (let round = -WARM_UP; round < bench.repeats * 2; round++) {
    const without = await timed(() => work(round, runPlain))
    const withIt = await timed(() => work(round, runCached))
    if (round < 0) continue
    times.without.push(without)
    times.with.push(withIt)
  }
  const ratio = median(times.with.map((ms, at) => ms / (times.without[at] ?? ms)))
  return { name, withoutMs: spreadOf(times.without), withMs: spreadOf(times.with), ratio }
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startedMs = performance.now()
  await work()
  return performance.now() - startedMs
}
