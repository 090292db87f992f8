/** A grant to a group of 50,000: how long the process that makes it is away for everybody else, at most. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { createInvalidationIndex, createMutationRunner, keyCountOf } from '../../src/cache/index.ts'
import type { MutationContext } from '../../src/domain/api.ts'
import { retentionOf } from '../../src/domain/keys.ts'
import { LAYERS } from '../../src/domain/layers.ts'
import type { UserId } from '../../src/domain/model.ts'
import { putGrant, removeGrant } from '../../src/domain/mutations/index.ts'
import type { Transaction } from '../../src/domain/transaction.ts'
import { createDatabase } from '../../src/postgres/pool.ts'
import { createUnitOfWork } from '../../src/postgres/unit-of-work.ts'
import { createRedis } from '../../src/redis/index.ts'
import type { Bench } from '../harness/bench.ts'
import { withClient } from '../harness/data-set.ts'
import { newPrefix } from '../harness/servers.ts'
import { type Spread, spreadOf } from '../harness/statistics.ts'

export interface WideGrantResult {
  readonly members: number
  readonly mutationMs: Spread
  /** The longest that the event loop did nothing else, each time. */
  readonly longestPauseMs: Spread
}

const MEMBERS = 50_000
const GROUP = { id: 'aaaaaaaa-0000-4000-8000-000000000001', name: 'bench-wide' }
const RESOURCE = { name: 'team-5/service-5' }
const WARM_UP = 4
const context: MutationContext = { actor: 'bench' as UserId }

export async function measureWideGrant(bench: Bench): Promise<WideGrantResult> {
  bench.log(`a grant to a group of ${MEMBERS}`)
  const { databaseUrl } = await bench.dataSet(1000)
  await withClient(databaseUrl, async (client) => {
    await client.query(
      `INSERT INTO users (id) SELECT 'wide-' || n FROM generate_series(1, $1::int) n ON CONFLICT DO NOTHING`,
      [MEMBERS],
    )
    await client.query('INSERT INTO groups (id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING', [GROUP.id, GROUP.name])
    await client.query(
      `INSERT INTO memberships (user_id, group_id, role) SELECT 'wide-' || n, $1, 'member' FROM generate_series(1, $2::int) n ON CONFLICT DO NOTHING`,
      [GROUP.id, MEMBERS],
    )
  })
  const database = createDatabase({ url: databaseUrl, poolMax: 2, queueMax: 10, statementTimeoutMs: 10_000 })
  const { sentinels, masterName } = bench.stack.local
  const redis = createRedis({ layers: LAYERS, sentinels, masterName, prefix: newPrefix(), budgetMs: 1000 })
  const unitOfWork = createUnitOfWork({ database, affectedMax: 100_000, timeoutMs: 30_000, notify: true })
  const index = createInvalidationIndex({ retentionOf, maxTags: 200_000 })
  const runner = createMutationRunner<Transaction, MutationContext>({
    layers: LAYERS,
    unitOfWork,
    store: redis.store,
    index,
  })
  const change = async (round: number) => {
    const named = { group: { name: GROUP.name }, resource: RESOURCE }
    const outcome =
      round % 2 === 0
        ? await runner.run(putGrant, { ...named, permission: 'read' }, context)
        : await runner.run(removeGrant, named, context)
    if (keyCountOf(outcome.invalidation) < MEMBERS) throw new Error('not every member was named')
  }
  try {
    while (!redis.answers()) await new Promise((resolve) => setTimeout(resolve, 50))
    const rounds = []
    for (let round = -WARM_UP; round < bench.repeats / 5; round++) {
      const measured = await watched(() => change(round))
      if (round >= 0) rounds.push(measured)
    }
    return {
      members: MEMBERS,
      mutationMs: spreadOf(rounds.map(({ ms }) => ms)),
      longestPauseMs: spreadOf(rounds.map(({ pauseMs }) => pauseMs)),
    }
  } finally {
    await redis.close()
    await database.close()
  }
}

async function watched(work: () => Promise<void>): Promise<{ ms: number; pauseMs: number }> {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  await new Promise((resolve) => setTimeout(resolve, 10))
  delay.reset()
  const startedMs = performance.now()
  await work()
  const ms = performance.now() - startedMs
  await new Promise((resolve) => setTimeout(resolve, 10))
  delay.disable()
  return { ms, pauseMs: delay.max / 1e6 }
}
