/** `users` and `me`: the users, and what their groups give them. */
import type { EffectiveGroup } from '../../client/index.ts'
import { UsageError } from '../outcome.ts'
import type { Column } from '../table.ts'
import type { Command } from './command.ts'
import { END_COLUMN } from './ends.ts'
import { firstPage, list, PAGE_OPTIONS } from './lists.ts'
import { change, createdOr, single, YES } from './mutations.ts'
import { listVisible, VISIBLE_OPTIONS } from './resources.ts'

const GROUP_COLUMNS: Column<EffectiveGroup>[] = [
  { title: 'GROUP', value: ({ name }) => name },
  { title: 'VIA', value: ({ via }) => (typeof via === 'string' ? via : via.join(', ')), shrinks: true },
  { title: 'ROLE', value: ({ role }) => role },
  END_COLUMN,
]

const listUsers: Command = {
  words: ['users', 'list'],
  isDefault: true,
  summary: 'all users',
  takes: [],
  options: { q: { value: '<prefix>', help: 'only ids that begin so' }, ...PAGE_OPTIONS },
  run: (invocation) =>
    list(invocation, ['listUsers', { query: invocation.given('q') }], {
      columns: [
        { title: 'ID', value: ({ id }) => id },
        { title: 'NAME', value: ({ displayName }) => displayName, shrinks: true },
        { title: 'DISABLED', value: ({ disabled }) => (disabled ? 'yes' : 'no') },
      ],
    }),
}

const getUser: Command = {
  words: ['users', 'get'],
  summary: 'one user',
  takes: ['<user>'],
  options: {},
  run: (invocation) => single(invocation, invocation.api.getUser(ofUser(invocation.argument(0)))),
}

const putUser: Command = {
  words: ['users', 'put'],
  summary: 'create a user, or bring one to this state',
  takes: ['<user>'],
  options: {
    name: { value: '<name>', help: 'the name to show; empty for none' },
    disable: { help: 'the user has no access until enabled again' },
    enable: { help: 'give the user access again' },
  },
  run(invocation) {
    const user = invocation.argument(0)
    const name = invocation.text('name')
    const [disable, enable] = [invocation.flag('disable'), invocation.flag('enable')]
    if (disable && enable) throw new UsageError('--disable and --enable are mutually exclusive')
    const body = {
      ...(name !== undefined && { displayName: name === '' ? null : name }),
      ...((disable || enable) && { disabled: disable }),
    }
    return change(
      invocation.api.putUser({ ...ofUser(user), body }),
      createdOr(`created ${user}`, `${user} is as asked`),
    )
  },
}

const deleteUser: Command = {
  words: ['users', 'delete'],
  summary: 'delete a user and the memberships',
  takes: ['<user>'],
  options: YES,
  async run(invocation) {
    const user = invocation.argument(0)
    if (!invocation.flag('yes')) {
      const groups = await firstPage(invocation.api, 'listUserGroups', ofUser(user))
      if (groups.count > 0) await invocation.confirm(`${user} leaves ${groups.shown('group')} then`)
    }
    return change(invocation.api.deleteUser(ofUser(user)), () => `deleted ${user}`)
  },
}

const userGroups: Command = {
  words: ['users', 'groups'],
  summary: "a user's effective groups, and how each is obtained",
  takes: ['<user>'],
  options: {},
  run: (invocation) => list(invocation, ['listUserGroups', ofUser(invocation.argument(0))], { columns: GROUP_COLUMNS }),
}

const userResources: Command = {
  words: ['users', 'resources'],
  summary: 'the resources a user may see',
  takes: ['<user>'],
  options: VISIBLE_OPTIONS,
  run: (invocation) => listVisible(invocation, ['listUserResources', ofUser(invocation.argument(0))]),
}

const me: Command = {
  words: ['me', 'show'],
  isDefault: true,
  summary: 'who you are here: id, roles, counts',
  takes: [],
  options: {},
  run: (invocation) => single(invocation, invocation.api.getMe()),
}

const myGroups: Command = {
  words: ['me', 'groups'],
  summary: 'your effective groups',
  takes: [],
  options: {},
  run: (invocation) => list(invocation, ['listMyGroups', {}], { columns: GROUP_COLUMNS }),
}

export const userCommands = [listUsers, getUser, putUser, deleteUser, userGroups, userResources, me, myGroups]

const ofUser = (id: string) => ({ path: { id } })
