import { describe, expect, it } from 'vitest'
import type { Resource, ResourceId } from '../domain/model.ts'
import type { Transaction } from '../domain/transaction.ts'
import { rememberReads } from './remembered-reads.ts'

const id = 'r1' as ResourceId

function scene() {
  const asked: string[] = []
  const told = (name: string) => async () => {
    asked.push(name)
    return { name: `answer ${asked.length}` } as Resource
  }
  const transaction = rememberReads({
    lock: { resource: told('lock') },
    resources: { find: told('find'), update: told('update') },
    grants: { groupsOf: told('groupsOf') },
    importOrganisation: told('import'),
  } as unknown as Transaction)
  return { asked, transaction }
}

describe('reads within a transaction', () => {
  it('are asked once, each by its own arguments', async () => {
    const { asked, transaction } = scene()
    const first = await transaction.resources.find({ id })
    expect(await transaction.resources.find({ id })).toBe(first)
    await transaction.resources.find({ name: 'r1' })
    await transaction.grants.groupsOf(id)
    expect(asked).toEqual(['find', 'find', 'groupsOf'])
  })

  it('are asked anew after a write, after a lock, and after an import', async () => {
    const { asked, transaction } = scene()
    await transaction.resources.find({ id })
    await transaction.lock.resource(id)
    await transaction.resources.find({ id })
    await transaction.resources.update(id, {})
    await transaction.resources.find({ id })
    await transaction.importOrganisation({} as never)
    await transaction.resources.find({ id })
    expect(asked).toEqual(['find', 'lock', 'find', 'update', 'find', 'import', 'find'])
  })

  it('of what a write leaves as it is are not asked again, in the middle of it neither', async () => {
    const { asked, transaction } = scene()
    await transaction.grants.groupsOf(id)
    await transaction.resources.find({ id })
    const writing = transaction.resources.update(id, {})
    await transaction.grants.groupsOf(id)
    await writing
    await transaction.grants.groupsOf(id)
    await transaction.resources.find({ id })
    await transaction.lock.resource(id)
    await transaction.grants.groupsOf(id)
    expect(asked).toEqual(['groupsOf', 'find', 'update', 'find', 'lock', 'groupsOf'])
  })

  it('that began before a write ended are not its answer', async () => {
    const { asked, transaction } = scene()
    const writing = transaction.resources.update(id, {})
    await transaction.resources.find({ id })
    await writing
    await transaction.resources.find({ id })
    expect(asked).toEqual(['update', 'find', 'find'])
  })

  it('keep the transaction usable by whoever takes its parts apart', async () => {
    const { find } = scene().transaction.resources
    expect(await find({ id: 'other' as ResourceId })).toEqual({ name: 'answer 1' })
  })
})
