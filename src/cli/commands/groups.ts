/** `groups`: all groups, their place in the tree, and the changes. */
import type { Group } from '../../domain/model.ts'
import { apiPath } from '../api-client.ts'
import { eachOf } from '../each-of.ts'
import { UsageError } from '../outcome.ts'
import type { Command, Invocation } from './command.ts'
import { amountOf, everyRow, firstPage, type ListRequest, list, PAGE_OPTIONS } from './lists.ts'
import { change, IF_MATCH, ifMatch, single, YES } from './mutations.ts'
import { reference } from './references.ts'
import type { Wire } from './wire.ts'

const PARENT = { value: '<group>', help: 'the group above it' }

const listGroups: Command = {
  words: ['groups', 'list'],
  isDefault: true,
  summary: 'all groups',
  takes: [],
  options: { q: { value: '<prefix>', help: 'only names that begin so' }, ...PAGE_OPTIONS },
  run: (invocation) =>
    list<Wire<Group>>(invocation, {
      path: '/groups',
      query: invocation.given('q'),
      ...withParents(invocation),
    }),
}

const getGroup: Command = {
  words: ['groups', 'get'],
  summary: 'one group',
  takes: ['<group>'],
  options: {},
  run: (invocation) =>
    single(invocation, pathOf(invocation), async (body) => {
      const { parentId, ...group } = body as Wire<Group>
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
    return change(invocation, { method: 'POST', path: '/groups', body }, () => `created ${name}`)
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
    const call = { method: 'PATCH', path: pathOf(invocation), body, ...ifMatch(invocation) } as const
    return change(invocation, call, () => `updated ${invocation.argument(0)}`)
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
    const call = { method: 'DELETE', path: pathOf(invocation), ...ifMatch(invocation) } as const
    return change(invocation, call, () => `deleted ${name}`)
  },
}

export const groupCommands = [listGroups, getGroup, createGroup, updateGroup, deleteGroup]

const pathOf = (invocation: Invocation) => apiPath`/groups/${reference(invocation.argument(0))}`

/** What would go with a group, in words. */
async function lostWith(invocation: Invocation): Promise<string[]> {
  const { api } = invocation
  const [{ body }, members, grants, groups] = await Promise.all([
    api.call({ method: 'GET', path: pathOf(invocation) }),
    firstPage(api, `${pathOf(invocation)}/members`),
    firstPage(api, `${pathOf(invocation)}/grants`),
    everyRow<Wire<Group>>(api, '/groups'),
  ])
  const below = groups.filter(({ parentId }) => parentId === (body as Wire<Group>).id)
  return [
    ...(below.length > 0 ? [`${amountOf(below.length).shown('group')} below it, which would become roots`] : []),
    ...(members.count > 0 ? [members.shown('member')] : []),
    ...(grants.count > 0 ? [grants.shown('grant')] : []),
  ]
}

/** The columns of a list of groups: parents are looked up, as a page holds only their ids. */
function withParents(invocation: Invocation): Pick<ListRequest<Wire<Group>>, 'columns' | 'prepare'> {
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
    const { body } = await api.call({ method: 'GET', path: apiPath`/groups/${id}` })
    names.set(id, (body as Wire<Group>).name)
  })
  return names
}
