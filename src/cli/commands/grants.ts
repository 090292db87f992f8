/** `grants`: which resources a group may use, and how. */
import { type Grant, PERMISSIONS } from '../../domain/model.ts'
import { apiPath } from '../api-client.ts'
import type { Command, Invocation } from './command.ts'
import { list, PAGE_OPTIONS } from './lists.ts'
import { change, createdOr } from './mutations.ts'
import { reference } from './references.ts'

const listGrants: Command = {
  words: ['grants', 'list'],
  isDefault: true,
  summary: "a group's own grants",
  takes: ['<group>'],
  options: PAGE_OPTIONS,
  run: (invocation) =>
    list<Grant & { readonly resourceName: string }>(invocation, {
      path: apiPath`/groups/${reference(invocation.argument(0))}/grants`,
      columns: [
        { title: 'RESOURCE', value: ({ resourceName }) => resourceName },
        { title: 'PERMISSION', value: ({ permission }) => permission },
        { title: 'RESOURCE ID', value: ({ resourceId }) => resourceId },
      ],
    }),
}

const putGrant: Command = {
  words: ['grants', 'put'],
  summary: 'give a group a permission on a resource, or change it',
  takes: ['<group>', '<resource>', '<permission>'],
  choices: { 2: PERMISSIONS },
  options: {},
  run(invocation) {
    const [group, resource, permission] = [0, 1, 2].map(invocation.argument)
    const call = { method: 'PUT', path: pathOf(invocation), body: { permission } } as const
    return change(
      invocation,
      call,
      createdOr(`${group} now has ${permission} on ${resource}`, `${group} has ${permission} on ${resource}`),
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
      invocation,
      { method: 'DELETE', path: pathOf(invocation) },
      () => `${invocation.argument(0)} has no grant on ${invocation.argument(1)} any more`,
    ),
}

export const grantCommands = [listGrants, putGrant, removeGrant]

const pathOf = (invocation: Invocation) =>
  apiPath`/groups/${reference(invocation.argument(0))}/grants/${reference(invocation.argument(1))}`
