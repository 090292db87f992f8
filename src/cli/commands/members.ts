/** `members`: who is in a group, and in which role. */
import type { MembershipRole } from '../../client/index.ts'
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
    list(invocation, ['listMembers', { path: { id: reference(invocation.argument(0)) } }], {
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
    const body = invocation.given('role') as { readonly role?: MembershipRole }
    // The role in full: without --role a maintainer becomes a member.
    return change(
      invocation.api.putMember({ ...named(invocation), body }),
      ({ data: { userId, role } }) => `${userId} is ${role} of ${invocation.argument(0)}`,
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
