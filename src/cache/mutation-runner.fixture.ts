/** A runner whose unit of work, store and index say in which order they are used. */
import { vi } from 'vitest'
import type { EntryKey, LayerName } from './entry-store.ts'
import { createInvalidationIndex } from './invalidation-index.ts'
import { type Invalidation, mutation, type Rule } from './mutation.ts'
import { createMutationRunner, type LogRecord, type UnitOfWork } from './mutation-runner.ts'
import type { Tag } from './tags.ts'
import {
  createFakeClock,
  createFaultyStore,
  createInMemoryEntryStore,
  DATABASE,
  snapshot,
  stamp,
  xid,
} from './testing/index.ts'

export interface Tx {
  value: string
}

export const named = (layer: LayerName, key: string) => ({ layer, key: key as EntryKey })
export const groupsOf = (user: string) => named('user-groups', `user:groups:{${user}}`)
export const listOf = (user: string) => named('user-resources', `resources:{${user}}`)
export const bucket = named('resources', 'resources:all:0a')
export const aliceTag = 'u:alice' as Tag
export const COMMITTED = { database: DATABASE, xid: xid(20) }

export function setUp(over: Partial<UnitOfWork<Tx, string>> = {}) {
  const store = createFaultyStore(createInMemoryEntryStore({ clock: createFakeClock() }))
  const steps = store.calls
  const records: Omit<LogRecord, 'audit'>[] = []
  const audits: unknown[] = []
  const missed: unknown[] = []
  const tx: Tx = { value: 'old' }
  const index = createInvalidationIndex({ retentionOf: () => 'volatile', maxTags: 100 })
  index.reset({ position: stamp('20:20:'), floor: snapshot('1:1:'), rows: [] })
  const note = index.note.bind(index)
  vi.spyOn(index, 'note').mockImplementation((row, database) => {
    steps.push(`note ${row.xid} ${row.tags.join()}`)
    note(row, database)
  })
  const unitOfWork: UnitOfWork<Tx, string> = {
    async run(context, work) {
      steps.push(`begin ${context}`)
      const value = await work(tx)
      steps.push('commit')
      return value
    },
    async appendInvalidation(_tx, context, { audit, ...record }) {
      steps.push(`audit ${context} ${record.event}`, `append ${context}`)
      audits.push(audit)
      records.push(record)
      return COMMITTED
    },
    async identify() {
      steps.push('identify')
      return COMMITTED
    },
    async audit(_tx, context, action, record) {
      steps.push(`audit ${context} ${action}`)
      audits.push(record)
    },
    ...over,
  }
  const runner = createMutationRunner({
    layers: { names: ['resources', 'user-groups', 'user-resources'] },
    unitOfWork,
    store,
    index,
    onStoreMissed: (event) => missed.push(event),
  })
  return { runner, unitOfWork, store, index, steps, records, audits, missed, tx }
}

export const invalidation = (over: Partial<Invalidation> = {}): Invalidation => ({
  tags: [],
  keys: [],
  layers: [],
  ...over,
})

/** A rule that says when it was asked, and answers by what the transaction shows then. */
export const rule =
  (steps: string[], name: string, before: Partial<Invalidation>, after = before): Rule<Tx, string> =>
  async ({ value }) => {
    steps.push(`${name} sees ${value}`)
    return invalidation(value === 'old' ? before : after)
  }

export const rename = (steps: string[], name = 'rename') =>
  mutation<Tx, string>(name)
    .locking(async () => void steps.push('lock tree'))
    .locking(async () => void steps.push('lock group'))

export const writing = (steps: string[]) => async (tx: Tx, input: string) => {
  steps.push('write')
  tx.value = input
  return input.length
}
