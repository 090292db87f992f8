/** `resources`: the caller's list, or another user's, and the changes. */
import type { InputOf, Permission, Resource } from '../../client/index.ts'
import { PERMISSIONS } from '../../domain/model.ts'
import { UsageError } from '../outcome.ts'
import { type Column, printable } from '../table.ts'
import type { Command, Invocation, OptionSpec } from './command.ts'
import { END_OPTIONS, givenEnd } from './ends.ts'
import { firstPage, list, PAGE_OPTIONS } from './lists.ts'
import { change, IF_MATCH, ifMatch, single, YES } from './mutations.ts'
import { reference } from './references.ts'

const FIELDS = {
  kind: { value: '<kind>', help: 'repository, database, …' },
  description: { value: '<text>', help: 'what it is; empty for none' },
  attributes: { value: '<json>', help: 'a JSON object' },
} satisfies Record<string, OptionSpec>

const FILTERS = {
  kind: { value: '<kind>', help: 'only of this kind' },
  q: { value: '<prefix>', help: 'only names that begin so' },
  permission: { value: '<permission>', help: 'at least this', choices: PERMISSIONS },
} satisfies Record<string, OptionSpec>

const COLUMNS: Column<Resource>[] = [
  { title: 'NAME', value: ({ name }) => name, shrinks: true },
  { title: 'KIND', value: ({ kind }) => kind },
  { title: 'PERMISSION', value: ({ permission }) => permission },
  { title: 'DESCRIPTION', value: ({ description }) => description, shrinks: true },
]

export const VISIBLE_OPTIONS = { ...FILTERS, ...PAGE_OPTIONS } satisfies Command['options']

export function listVisible(
  invocation: Invocation,
  [id, input]: readonly ['listResources', object] | readonly ['listUserResources', InputOf<'listUserResources'>],
  whyNothing?: () => Promise<string>,
) {
  const query = invocation.given('kind', 'q', 'permission') as NonNullable<InputOf<'listResources'>['query']>
  const filtered = Object.keys(query).length > 0
  const view = { columns: COLUMNS, ...(whyNothing && !filtered && { whyNothing }) }
  const asked = { ...input, query } as InputOf<'listUserResources'>
  return list<'listResources' | 'listUserResources'>(invocation, [id, asked], view)
}

/** Administrators may do everything, so they expect to see everything. */
async function whyCallerSeesNothing({ api }: Invocation): Promise<string> {
  const { id, roles = [] } = (await api.getMe()).data
  const none = printable(`nothing: ${id} is in no group that has a grant`)
  if (!roles.includes('admin')) return none
  return (
    `${none}. An administrator may change everything, but a list shows only what one's own groups may see.\n` +
    "Another user's list: users resources <user>. All users: users. All groups: groups."
  )
}

const listResources: Command = {
  words: ['resources', 'list'],
  isDefault: true,
  summary: 'the resources you may see',
  takes: [],
  options: VISIBLE_OPTIONS,
  run: (invocation) => listVisible(invocation, ['listResources', {}], () => whyCallerSeesNothing(invocation)),
}

const getResource: Command = {
  words: ['resources', 'get'],
  summary: 'one resource',
  takes: ['<resource>'],
  options: {},
  run: (invocation) => single(invocation, invocation.api.getResource(named(invocation))),
}

const createResource: Command = {
  words: ['resources', 'create'],
  summary: 'create a resource, with its first grants',
  takes: ['<name>'],
  options: {
    ...FIELDS,
    grant: { value: '<group>=<permission>', many: true, help: 'a first grant' },
    for: { ...END_OPTIONS.for, help: `each first grant ${END_OPTIONS.for.help}` },
    until: { ...END_OPTIONS.until, help: 'each first grant ends then (RFC 3339)' },
  },
  run(invocation) {
    const name = invocation.argument(0)
    const kind = invocation.text('kind')
    if (kind === undefined) throw new UsageError('--kind is needed')
    const end = givenEnd(invocation)
    const grants = invocation.texts('grant').map((text) => ({ ...readGrant(text), ...end }))
    if (grants.length === 0 && end.expiresAt !== undefined)
      throw new UsageError('--for and --until are the end of first grants: give --grant too')
    const body = { name, ...readFields(invocation), kind, ...(grants.length > 0 && { grants }) }
    return change(invocation.api.createResource({ body }), () => `created ${name}`)
  },
}

const updateResource: Command = {
  words: ['resources', 'update'],
  summary: 'change some fields of a resource',
  takes: ['<resource>'],
  options: { name: { value: '<name>', help: 'another name' }, ...FIELDS, ...IF_MATCH },
  run(invocation) {
    const body = { ...invocation.given('name'), ...readFields(invocation) }
    if (Object.keys(body).length === 0)
      throw new UsageError('nothing to change: give --name, --kind, --description or --attributes')
    const call = invocation.api.patchResource({ ...named(invocation), body, ...ifMatch(invocation) })
    return change(call, () => `updated ${invocation.argument(0)}`)
  },
}

const deleteResource: Command = {
  words: ['resources', 'delete'],
  summary: 'delete a resource and its grants',
  takes: ['<resource>'],
  options: { ...IF_MATCH, ...YES },
  async run(invocation) {
    const name = invocation.argument(0)
    if (!invocation.flag('yes')) {
      const access = await firstPage(invocation.api, 'listResourceAccess', named(invocation))
      if (access.count > 0) await invocation.confirm(`${access.shown(`user`)} can no longer see ${name} then`)
    }
    const call = invocation.api.deleteResource({ ...named(invocation), ...ifMatch(invocation) })
    return change(call, () => `deleted ${name}`)
  },
}

export const resourceCommands = [listResources, getResource, createResource, updateResource, deleteResource]

const named = (invocation: Invocation) => ({ path: { id: reference(invocation.argument(0)) } })

function readFields(invocation: Invocation) {
  const { kind, description, attributes } = invocation.given('kind', 'description', 'attributes')
  return {
    ...(kind !== undefined && { kind }),
    ...(description !== undefined && { description: description === '' ? null : description }),
    ...(attributes !== undefined && { attributes: readJson(attributes) }),
  }
}

function readJson(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new UsageError(`--attributes is not JSON: ${(cause as Error).message}`, { cause })
  }
}

/** The last `=` divides: a group's name may contain one, a permission never does. */
function readGrant(text: string): { group: string; permission: Permission } {
  const at = text.lastIndexOf('=')
  const permission = PERMISSIONS.find((each) => each === text.slice(at + 1))
  if (at < 1 || permission === undefined)
    throw new UsageError(
      `--grant ${JSON.stringify(text)} is not <group>=<permission>, one of ${PERMISSIONS.join(', ')}`,
    )
  return { group: reference(text.slice(0, at)), permission }
}
