/** `members`: who is in a group, and in which role. */
import type { MembershipRole } from '../../client/index.ts'
import type { Command, Invocation } from './command.ts'
import { END_COLUMN, END_OPTIONS, givenEnd, untilWords } from './ends.ts'
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
    list(invocation, ['listMembers', { path: { id: reference(invocation.argument(0)) } }], {
      columns: [
        { title: 'USER', value: ({ userId }) => userId },
        { title: 'ROLE', value: ({ role }) => role },
        END_COLUMN,
      ],
    }),
}

const putMember: Command = {
  words: ['members', 'put'],
  summary: 'make a user a member of a group, or change role and end',
  takes: ['<group>', '<user>'],
  options: {
    role: { value: '<role>', help: 'as it is, or member', choices: ['member', 'maintainer'] },
    ...END_OPTIONS,
  },
  run(invocation) {
    const body = { ...(invocation.given('role') as { readonly role?: MembershipRole }), ...givenEnd(invocation) }
    return change(
      invocation.api.putMember({ ...named(invocation), body }),
      ({ data: { userId, role, expiresAt } }) =>
        `${userId} is ${role} of ${invocation.argument(0)}${untilWords(expiresAt)}`,
    )
  },
}

const removeMember: Command = {
  words: ['members', 'remove'],
  summary: 'take a user out of a group',
  takes: ['<group>', '<user>'],
  options: {},
  run: (invocation) =>
    change(
      invocation.api.removeMember(named(invocation)),
      () => `${invocation.argument(1)} is no longer in ${invocation.argument(0)}`,
    ),
}

export const memberCommands = [listMembers, putMember, removeMember]

const named = (invocation: Invocation) => ({
  path: { id: reference(invocation.argument(0)), userId: invocation.argument(1) },
})
