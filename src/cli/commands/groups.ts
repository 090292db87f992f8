/** `groups`: all groups, their place in the tree, and the changes. */
import type { Group } from '../../client/index.ts'
import { eachOf } from '../each-of.ts'
import { UsageError } from '../outcome.ts'
import type { Command, Invocation } from './command.ts'
import { amountOf, everyOne, firstPage, type ListView, list, PAGE_OPTIONS } from './lists.ts'
import { change, IF_MATCH, ifMatch, single, YES } from './mutations.ts'
import { reference } from './references.ts'

const PARENT = { value: '<group>', help: 'the group above it' }

const listGroups: Command = {
  words: ['groups', 'list'],
  isDefault: true,
  summary: 'all groups',
  takes: [],
  options: { q: { value: '<prefix>', help: 'only names that begin so' }, ...PAGE_OPTIONS },
  run: (invocation) => list(invocation, ['listGroups', { query: invocation.given('q') }], withParents(invocation)),
}

const getGroup: Command = {
  words: ['groups', 'get'],
  summary: 'one group',
  takes: ['<group>'],
  options: {},
  run: (invocation) =>
    single(invocation, invocation.api.getGroup(named(invocation)), async ({ parentId, ...group }) => {
      if (!parentId) return { ...group, parent: null }
      return { ...group, parent: (await namesOf(invocation, [parentId])).get(parentId) }
    }),
}

const createGroup: Command = {
  words: ['groups', 'create'],
  summary: 'create a group',
  takes: ['<name>'],
  options: { parent: PARENT },
  run(invocation) {
    const name = invocation.argument(0)
    const parent = invocation.text('parent')
    const body = { name, ...(parent !== undefined && { parent: reference(parent) }) }
    return change(invocation.api.createGroup({ body }), () => `created ${name}`)
  },
}

const updateGroup: Command = {
  words: ['groups', 'update'],
  summary: 'rename a group, or move it under another one',
  takes: ['<group>'],
  options: {
    name: { value: '<name>', help: 'another name' },
    parent: PARENT,
    root: { help: 'make it a top-level group' },
    ...IF_MATCH,
  },
  run(invocation) {
    const { name, parent } = invocation.given('name', 'parent')
    const root = invocation.flag('root')
    if (root && parent !== undefined) throw new UsageError('--root and --parent are mutually exclusive')
    if (!root && parent === undefined && name === undefined)
      throw new UsageError('nothing to change: give --name, --parent or --root')
    const body = {
      ...(name !== undefined && { name }),
      ...(root && { parent: null }),
      ...(parent !== undefined && { parent: reference(parent) }),
    }
    const call = invocation.api.patchGroup({ ...named(invocation), body, ...ifMatch(invocation) })
    return change(call, () => `updated ${invocation.argument(0)}`)
  },
}

const deleteGroup: Command = {
  words: ['groups', 'delete'],
  summary: 'delete a group, its memberships and grants; groups below it become roots',
  takes: ['<group>'],
  options: { ...IF_MATCH, ...YES },
  async run(invocation) {
    const name = invocation.argument(0)
    if (!invocation.flag('yes')) {
      const lost = await lostWith(invocation)
      if (lost.length > 0) await invocation.confirm(`${name} has ${lost.join(', ')}`)
    }
    const call = invocation.api.deleteGroup({ ...named(invocation), ...ifMatch(invocation) })
    return change(call, () => `deleted ${name}`)
  },
}

export const groupCommands = [listGroups, getGroup, createGroup, updateGroup, deleteGroup]

const named = (invocation: Invocation) => ({ path: { id: reference(invocation.argument(0)) } })

/** Everything that is deleted together with a group, in words. */
async function lostWith(invocation: Invocation): Promise<string[]> {
  const { api } = invocation
  const [{ data: group }, members, grants, groups] = await Promise.all([
    api.getGroup(named(invocation)),
    firstPage(api, 'listMembers', named(invocation)),
    firstPage(api, 'listGrants', named(invocation)),
    everyOne(api.items('listGroups')),
  ])
  const below = groups.filter(({ parentId }) => parentId === group.id)
  return [
    ...(below.length > 0 ? [`${amountOf(below.length).shown('group')} below it, which would become roots`] : []),
    ...(members.count > 0 ? [members.shown('member')] : []),
    ...(grants.count > 0 ? [grants.shown('grant')] : []),
  ]
}

/** The columns of a list of groups: parents are looked up, as a page holds only their ids. */
function withParents(invocation: Invocation): ListView<Group> {
  let names: ReadonlyMap<string, string> = new Map()
  return {
    columns: [
      { title: 'NAME', value: ({ name }) => name, shrinks: true },
      { title: 'PARENT', value: ({ parentId }) => parentId && (names.get(parentId) ?? parentId), shrinks: true },
      { title: 'ID', value: ({ id }) => id },
    ],
    async prepare(groups) {
      const known = new Map<string, string>(groups.map(({ id, name }) => [id, name]))
      const parents = groups.flatMap(({ parentId }) => (parentId === null || known.has(parentId) ? [] : [parentId]))
      names = new Map([...known, ...(await namesOf(invocation, parents))])
    },
  }
}

async function namesOf({ api }: Invocation, ids: readonly string[]): Promise<Map<string, string>> {
  const names = new Map<string, string>()
  await eachOf([...new Set(ids)], async (id) => {
    names.set(id, (await api.getGroup({ path: { id } })).data.name)
  })
  return names
}
