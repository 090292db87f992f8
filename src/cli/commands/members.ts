/** `members`: who is in a group, and in which role. */
import type { Membership } from '../../domain/model.ts'
import { apiPath } from '../api-client.ts'
import type { Command, Invocation } from './command.ts'
import { list, PAGE_OPTIONS } from './lists.ts'
import { change } from './mutations.ts'
import { reference } from './references.ts'

const listMembers: Command = {
  words: ['members', 'list'],
  isDefault: true,
  summary: 'the direct members of a group',
  takes: ['<group>'],
  options: PAGE_OPTIONS,
  run: (invocation) =>
    list<Membership>(invocation, {
      path: apiPath`/groups/${reference(invocation.argument(0))}/members`,
      columns: [
        { title: 'USER', value: ({ userId }) => userId },
        { title: 'ROLE', value: ({ role }) => role },
      ],
    }),
}

const putMember: Command = {
  words: ['members', 'put'],
  summary: 'make a user a member of a group, or change the role',
  takes: ['<group>', '<user>'],
  options: { role: { value: '<role>', help: 'member by default', choices: ['member', 'maintainer'] } },
  run(invocation) {
    const call = { method: 'PUT', path: pathOf(invocation), body: invocation.given('role') } as const
    // The role in full: without --role a maintainer becomes a member.
    return change(invocation, call, ({ body }) => {
      const { userId, role } = body as Membership
      return `${userId} is ${role} of ${invocation.argument(0)}`
    })
  },
}

const removeMember: Command = {
  words: ['members', 'remove'],
  summary: 'take a user out of a group',
  takes: ['<group>', '<user>'],
  options: {},
  run: (invocation) =>
    change(
      invocation,
      { method: 'DELETE', path: pathOf(invocation) },
      () => `${invocation.argument(1)} is no longer in ${invocation.argument(0)}`,
    ),
}

export const memberCommands = [listMembers, putMember, removeMember]

const pathOf = (invocation: Invocation) =>
  apiPath`/groups/${reference(invocation.argument(0))}/members/${invocation.argument(1)}`
