/** `groups`: all groups, their place in the tree, and the changes. */
import type { Group } from '../../domain/model.ts'
import { apiPath } from '../api-client.ts'
import { UsageError } from '../outcome.ts'
import type { Command, Invocation } from './command.ts'
import { list, PAGE_OPTIONS } from './lists.ts'
import { change, IF_MATCH, ifMatch, single } from './mutations.ts'
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
      columns: [
        { title: 'NAME', value: ({ name }) => name },
        { title: 'ID', value: ({ id }) => id },
        { title: 'PARENT', value: ({ parentId }) => parentId },
      ],
    }),
}

const getGroup: Command = {
  words: ['groups', 'get'],
  summary: 'one group',
  takes: ['<group>'],
  options: {},
  run: (invocation) => single(invocation, pathOf(invocation)),
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
    root: { help: 'no group above it' },
    ...IF_MATCH,
  },
  run(invocation) {
    const { name, parent } = invocation.given('name', 'parent')
    const root = invocation.flag('root')
    if (root && parent !== undefined) throw new UsageError('--root and --parent exclude each other')
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
  options: IF_MATCH,
  run: (invocation) =>
    change(
      invocation,
      { method: 'DELETE', path: pathOf(invocation), ...ifMatch(invocation) },
      () => `deleted ${invocation.argument(0)}`,
    ),
}

export const groupCommands = [listGroups, getGroup, createGroup, updateGroup, deleteGroup]

const pathOf = (invocation: Invocation) => apiPath`/groups/${reference(invocation.argument(0))}`
