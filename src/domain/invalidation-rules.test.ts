import { describe, expect, it } from 'vitest'
import { NOTHING_INVALIDATED } from '../cache/index.ts'
import {
  allResources,
  allUserResources,
  everythingOfMembersBelow,
  everythingOfUsers,
  NAMED_RESOURCES_MAX,
  resourcesOfHolders,
  userGroups,
  userResources,
  wholeLayers,
} from './invalidation-rules.ts'
import { LAYERS, type LayerName } from './layers.ts'
import type { GroupId, ResourceId, UserId } from './model.ts'
import type { Holders, Transaction } from './transaction.ts'
import { userIdsOf } from './user-ids.ts'

const [alice, bob] = ['alice', 'bob'] as [UserId, UserId]
const [team, lab] = ['team', 'lab'] as [GroupId, GroupId]
const resource = (start: string) => `${start}000000-0000-4000-8000-000000000000` as ResourceId

/** A user's entries that hold what the user may see; all entries of a user; those that know nothing of grants. */
const LISTS = LAYERS.closureOf('user-resources')
const EVERYTHING = LAYERS.closureOf('user-groups')
const GROUPS = EVERYTHING.filter((layer) => !LISTS.includes(layer))
const keysIn = (layers: readonly LayerName[], ...users: UserId[]) =>
  users.flatMap((user) => layers.map((layer) => ({ layer, key: LAYERS.keyOf(layer, user) })))
const tagsOf = (layers: readonly LayerName[]) => layers.map((layer) => `l:${layer}`)

/** A rule asks only whether this many users can be named. */
const tx = { canName: (count: number) => count <= 2 } as unknown as Transaction
const held = (groups: GroupId[], users: UserId[] | null): Holders => ({ groups, users: users && userIdsOf(users) })

describe('the entries of one user', () => {
  it('are at least the groups and the list, under the names of the table', () => {
    expect(keysIn(GROUPS, alice)).toContainEqual({ layer: 'user-groups', key: 'user:groups:{alice}' })
    expect(keysIn(LISTS, alice)).toContainEqual({ layer: 'user-resources', key: 'resources:{alice}' })
  })

  it('are the list of the user, by the tag of the user', async () => {
    const rule = userResources<{ user: UserId }>(({ user }) => user)
    expect(await rule(tx, { user: alice })).toEqual({
      tags: ['u:alice'],
      keys: keysIn(LISTS, alice),
      layers: [],
    })
  })

  it('are the groups of the user, by the same tag', async () => {
    const rule = userGroups<{ user: UserId }>(({ user }) => user)
    expect(await rule(tx, { user: alice })).toEqual({
      tags: ['u:alice'],
      keys: keysIn(GROUPS, alice),
      layers: [],
    })
  })

  it('are none where there is nobody', async () => {
    for (const rule of [userResources<null>(() => null), userGroups<null>(() => null)])
      expect(await rule(tx, null)).toEqual(NOTHING_INVALIDATED)
  })
})

describe('the catalogue', () => {
  it('loses the buckets of the resources, each once, and its manifest after them', async () => {
    const rule = allResources<readonly ResourceId[]>((ids) => ids)
    expect(await rule(tx, ['0a', 'ff', '0a'].map(resource))).toEqual({
      tags: ['c:0a', 'c:ff', `r:${resource('0a')}`, `r:${resource('ff')}`],
      keys: [
        { layer: 'resources', key: 'resources:all:0a' },
        { layer: 'resources', key: 'resources:all:ff' },
        { layer: 'resources', key: 'resources:all' },
      ],
      layers: [],
    })
  })

  it('loses whole buckets when there are too many resources to name', async () => {
    const many = Array.from({ length: NAMED_RESOURCES_MAX + 1 }, (_, n) => resource(`0a${n}`))
    const { tags } = await allResources<null>(() => many)(tx, null)
    expect(tags).toEqual(['c:0a'])
    const named = many.slice(1)
    expect((await allResources<null>(() => named)(tx, null)).tags).toHaveLength(1 + NAMED_RESOURCES_MAX)
  })

  it('keeps everything when there is no resource', async () => {
    expect(await allResources<null>(() => [])(tx, null)).toEqual(NOTHING_INVALIDATED)
    expect(await allResources<null>(() => null)(tx, null)).toEqual(NOTHING_INVALIDATED)
  })
})

describe('the lists of everybody below groups', () => {
  const rule = resourcesOfHolders<Holders | null>((holders) => holders)

  it('go by name, and by the grants of each group', async () => {
    expect(await rule(tx, held([team, lab], [alice, bob]))).toEqual({
      tags: ['g:team', 'g:lab'],
      keys: keysIn(LISTS, alice, bob),
      layers: [],
    })
  })

  it('go by the tag alone where nobody is below: a member may come in a concurrent transaction', async () => {
    expect(await rule(tx, held([team], []))).toEqual({ tags: ['g:team'], keys: [], layers: [] })
  })

  it('go as one list where they are thousands, written out only when it is read', async () => {
    const members = Array.from({ length: 1001 }, (_, at) => `user ${at}` as UserId)
    const { keys, lists = [] } = await rule(tx, held([team], members))
    expect(keys).toEqual([])
    expect(lists.map(({ layer, size }) => [layer, size])).toEqual(LISTS.map((layer) => [layer, 1001]))
    const fewer = await rule(tx, held([team], members.slice(1)))
    expect([fewer.keys.length, fewer.lists]).toEqual([1000 * LISTS.length, undefined])
    const written = lists.flatMap((list) => [...list.keys()])
    expect(written).toContain('resources:{user%201000}')
    expect(written).toEqual(LISTS.flatMap((layer) => members.map((user) => LAYERS.keyOf(layer, user))))
  })

  it('go as a whole layer where they are too many to name, and keep the tags of the groups', async () => {
    expect(await rule(tx, held([team], null))).toEqual({
      tags: ['g:team', ...tagsOf(LISTS)],
      keys: [],
      layers: LISTS,
    })
  })

  it('stay where there is no group', async () => {
    expect(await rule(tx, null)).toEqual(NOTHING_INVALIDATED)
  })
})

describe('everything of everybody below a group', () => {
  const rule = everythingOfMembersBelow<Holders | null>((subtree) => subtree)

  it('goes by name, and by the place of every group of the subtree', async () => {
    expect(await rule(tx, held([team, lab], [alice, bob]))).toEqual({
      tags: ['t:team', 't:lab'],
      keys: keysIn(EVERYTHING, alice, bob),
      layers: [],
    })
  })

  it('goes as whole layers where they are too many to name', async () => {
    expect(await rule(tx, held([team, lab], null))).toEqual({
      tags: ['t:team', 't:lab', ...tagsOf(EVERYTHING)],
      keys: [],
      layers: EVERYTHING,
    })
  })

  it('stays where there is no group', async () => {
    expect(await rule(tx, null)).toEqual(NOTHING_INVALIDATED)
  })
})

it('the lists of everybody are their layer', async () => {
  expect(await allUserResources<null>()(tx, null)).toEqual({ tags: tagsOf(LISTS), keys: [], layers: LISTS })
})

describe('everything of users', () => {
  const rule = everythingOfUsers<readonly UserId[] | null>((users) => users)

  it('goes by name, and by the tag of each', async () => {
    expect(await rule(tx, [alice, bob])).toEqual({
      tags: ['u:alice', 'u:bob'],
      keys: keysIn(EVERYTHING, alice, bob),
      layers: [],
    })
  })

  it('goes as whole layers where they are too many to name', async () => {
    expect(await rule(tx, [alice, bob, 'carol' as UserId])).toEqual({
      tags: tagsOf(EVERYTHING),
      keys: [],
      layers: EVERYTHING,
    })
  })

  it('stays where there is nobody', async () => {
    expect(await rule(tx, [])).toEqual(NOTHING_INVALIDATED)
    expect(await rule(tx, null)).toEqual(NOTHING_INVALIDATED)
  })
})

it('whole layers are named by their tags and as a whole', async () => {
  const rule = wholeLayers<null>(() => ['user-groups', 'user-resources'])
  expect(await rule(tx, null)).toEqual({
    tags: ['l:user-groups', 'l:user-resources'],
    keys: [],
    layers: ['user-groups', 'user-resources'],
  })
})
