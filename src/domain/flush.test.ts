import { describe, expect, it } from 'vitest'
import type { FlushScope } from './api.ts'
import { flushCache, scopeOfFlush, targetOfFlush } from './flush.ts'
import { LAYERS, type LayerName } from './layers.ts'
import type { Ref, Resource, ResourceId, UserId } from './model.ts'
import type { Transaction } from './transaction.ts'

const id = '0a000000-0000-4000-8000-000000000000' as ResourceId
const alice = 'alice' as UserId

/** One resource named `plan`. */
const tx = {
  resources: {
    find: async (ref: Ref<ResourceId>) =>
      ('id' in ref ? ref.id === id : ref.name === 'plan') ? ({ id } as Resource) : null,
  },
} as unknown as Transaction

const whole = (layers: readonly LayerName[]) => ({ tags: layers.map((layer) => `l:${layer}`), keys: [], layers })

describe('a flush', () => {
  it.each([
    [{ scope: 'all' }, whole(LAYERS.names)],
    [{ scope: 'volatile' }, whole(LAYERS.volatile)],
    ...LAYERS.names.map((layer) => [{ scope: 'layer', layer }, whole(LAYERS.closureOf(layer))]),
  ] as [FlushScope, unknown][])(
    'of %j takes whole layers, with what was derived from them',
    async (scope, expected) => {
      expect(await scopeOfFlush(tx, scope)).toEqual(expected)
      expect(await (await flushCache.begin(tx, scope)).affected()).toEqual([expected])
    },
  )

  it('of the catalogue or of the groups takes the lists too', async () => {
    for (const layer of ['resources', 'user-groups'] as const)
      expect((await scopeOfFlush(tx, { scope: 'layer', layer })).layers).toEqual(
        expect.arrayContaining([layer, 'user-resources']),
      )
  })

  it('of a user takes every entry of that user: the groups, the list, and what is derived from them', async () => {
    const { tags, keys, layers } = await scopeOfFlush(tx, { scope: 'user', user: alice })
    expect([tags, layers]).toEqual([['u:alice'], []])
    expect(keys.map(({ key }) => key)).toEqual(expect.arrayContaining(['user:groups:{alice}', 'resources:{alice}']))
    expect(keys.map(({ layer }) => layer).sort()).toEqual([...LAYERS.closureOf('user-groups')].sort())
  })

  it.each([{ id }, { name: 'plan' }])(
    'of a resource takes its bucket and all lists, because any of them may have held it before an unlogged change: %j',
    async (resource) => {
      expect(await scopeOfFlush(tx, { scope: 'resource', resource })).toEqual({
        tags: ['c:0a', `r:${id}`, ...LAYERS.closureOf('user-resources').map((layer) => `l:${layer}`)],
        keys: [
          { layer: 'resources', key: 'resources:all:0a' },
          { layer: 'resources', key: 'resources:all' },
        ],
        layers: LAYERS.closureOf('user-resources'),
      })
    },
  )

  it('of a resource that does not exist is refused', async () => {
    await expect(scopeOfFlush(tx, { scope: 'resource', resource: { name: 'other' } })).rejects.toMatchObject({
      code: 'unknown-resource',
      message: 'there is no such resource',
    })
  })

  it('writes nothing, always counts, and is audited by its scope without a state', async () => {
    expect(flushCache.name).toBe('flushCache')
    const begun = await flushCache.begin(tx, { scope: 'all' })
    expect(await begun.write()).toBe(null)
    expect(begun.changed(null)).toBe(true)
    expect(begun.audit(null)).toEqual({ target: 'cache:all', before: null, after: null })
  })

  it.each([
    [{ scope: 'volatile' }, 'cache:volatile'],
    [{ scope: 'layer', layer: 'resources' }, 'cache:layer:resources'],
    [{ scope: 'user', user: alice }, 'cache:user:alice'],
    [{ scope: 'resource', resource: { id } }, `cache:resource:${id}`],
    [{ scope: 'resource', resource: { name: 'plan' } }, 'cache:resource:plan'],
  ] as [FlushScope, string][])('of %j is called %s', (scope, target) => {
    expect(targetOfFlush(scope)).toBe(target)
  })
})
