/** `grants`: which resources a group may use, and how. */
import type { Permission } from '../../client/index.ts'
import { PERMISSIONS } from '../../domain/model.ts'
import type { Command, Invocation } from './command.ts'
import { END_COLUMN, END_OPTIONS, givenEnd, untilWords } from './ends.ts'
import { list, PAGE_OPTIONS } from './lists.ts'
import { change } from './mutations.ts'
import { reference } from './references.ts'

const listGrants: Command = {
  words: ['grants', 'list'],
  isDefault: true,
  summary: "a group's own grants",
  takes: ['<group>'],
  options: PAGE_OPTIONS,
  run: (invocation) =>
    list(invocation, ['listGrants', { path: { id: reference(invocation.argument(0)) } }], {
      columns: [
        { title: 'RESOURCE', value: ({ resourceName }) => resourceName },
        { title: 'PERMISSION', value: ({ permission }) => permission },
        END_COLUMN,
        { title: 'RESOURCE ID', value: ({ resourceId }) => resourceId },
      ],
    }),
}

const putGrant: Command = {
  words: ['grants', 'put'],
  summary: 'give a group a permission on a resource, or change permission and end',
  takes: ['<group>', '<resource>', '<permission>'],
  choices: { 2: PERMISSIONS },
  options: END_OPTIONS,
  run(invocation) {
    const [group, resource] = [invocation.argument(0), invocation.argument(1)]
    // One of the choices: other values have been refused.
    const permission = invocation.argument(2) as Permission
    return change(
      invocation.api.putGrant({ ...named(invocation), body: { permission, ...givenEnd(invocation) } }),
      ({ status, data: { expiresAt } }) =>
        `${group} ${status === 201 ? 'now has' : 'has'} ${permission} on ${resource}${untilWords(expiresAt)}`,
    )
  },
}

const removeGrant: Command = {
  words: ['grants', 'remove'],
  summary: "take a group's permission on a resource",
  takes: ['<group>', '<resource>'],
  options: {},
  run: (invocation) =>
    change(
      invocation.api.removeGrant(named(invocation)),
      () => `${invocation.argument(0)} has no grant on ${invocation.argument(1)} any more`,
    ),
}

export const grantCommands = [listGrants, putGrant, removeGrant]

const named = (invocation: Invocation) => ({
  path: { id: reference(invocation.argument(0)), resourceId: reference(invocation.argument(1)) },
})
