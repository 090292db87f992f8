/** Every mutation with calls that change something, and the entries that each removes from Redis. */
import { randomUUID } from 'node:crypto'
import type { Mutations } from '../../src/domain/api.ts'
import type { GroupId, JsonValue, UserId } from '../../src/domain/model.ts'
import { asRoot } from './service.ts'

export interface MutationCall {
  /** On `smallOrganisation`; `idOf` finds a group's id by its name. */
  readonly call: (mutations: Mutations, idOf: (group: string) => Promise<GroupId>) => Promise<unknown>
  /** Of these users and resources, and of no others; `layers`: everything, as whole layers. */
  readonly removes: Removed | 'layers'
}

export interface Removed {
  /** Whose groups and list go. */
  readonly both?: readonly string[]
  /** Whose list alone goes. */
  readonly lists?: readonly string[]
  /** The resources whose part of the checkpoint goes. */
  readonly catalogue?: readonly string[]
}

const id = (user: string) => user as UserId
const group = (name: string) => ({ group: { name } })
const resource = (name: string) => ({ resource: { name } })
const end = { expiresAt: new Date('2099-01-31T12:00:00Z') }
const read = { permission: 'read' } as const
const patch = (attribute: string, value: JsonValue) => ({
  operations: [{ op: 'replace' as const, attribute, value }],
})
/** Everybody in `dept` or below it. */
const DEPARTMENT = ['ann', 'ben', 'cid']

export const MUTATION_CALLS: { readonly [Name in keyof Mutations]: readonly MutationCall[] } = {
  putUser: [
    { call: (m) => m.putUser({ id: id('new'), displayName: 'New' }, asRoot), removes: { both: ['new'] } },
    { call: (m) => m.putUser({ id: id('ann'), disabled: true }, asRoot), removes: { both: ['ann'] } },
  ],
  deleteUser: [{ call: (m) => m.deleteUser({ id: id('ann') }, asRoot), removes: { both: ['ann'] } }],
  createGroup: [
    { call: (m) => m.createGroup({ name: 'dept/red/inner', parent: { name: 'dept/red' } }, asRoot), removes: {} },
    { call: (m) => m.createGroup({ name: 'empty' }, asRoot), removes: {} },
  ],
  updateGroup: [
    {
      call: (m) => m.updateGroup({ ...group('dept'), changes: { name: 'department' } }, asRoot),
      removes: { both: DEPARTMENT },
    },
    {
      call: (m) => m.updateGroup({ ...group('dept'), changes: { parent: { name: 'other' } } }, asRoot),
      removes: { both: DEPARTMENT },
    },
    {
      call: (m) => m.updateGroup({ ...group('dept/red'), changes: { parent: { name: 'dept/blue' } } }, asRoot),
      removes: { both: ['ben'] },
    },
  ],
  deleteGroup: [
    { call: (m) => m.deleteGroup(group('dept'), asRoot), removes: { both: DEPARTMENT, catalogue: ['handbook'] } },
    {
      call: (m) => m.deleteGroup(group('dept/red'), asRoot),
      removes: { both: ['ben'], catalogue: ['red-plan', 'handbook'] },
    },
  ],
  addUserToGroup: [
    { call: (m) => m.addUserToGroup({ ...group('other'), userId: id('ann') }, asRoot), removes: { both: ['ann'] } },
    {
      call: (m) => m.addUserToGroup({ ...group('dept'), userId: id('ann'), role: 'member' }, asRoot),
      removes: { both: ['ann'] },
    },
    {
      call: (m) => m.addUserToGroup({ ...group('dept'), userId: id('ann'), ...end }, asRoot),
      removes: { both: ['ann'] },
    },
  ],
  removeUserFromGroup: [
    { call: (m) => m.removeUserFromGroup({ ...group('dept'), userId: id('ann') }, asRoot), removes: { both: ['ann'] } },
  ],
  replaceMembers: [
    {
      call: (m) =>
        m.replaceMembers(
          { ...group('dept/red'), members: [{ userId: id('ann') }, { userId: id('eve') }], condition: '*' },
          asRoot,
        ),
      removes: { both: ['ann', 'ben', 'eve'] },
    },
    {
      call: (m) =>
        m.replaceMembers({ ...group('dept/red'), members: [{ userId: id('ben'), ...end }], condition: '*' }, asRoot),
      removes: { both: ['ben'] },
    },
  ],
  createResource: [
    { call: (m) => m.createResource({ name: 'fresh', kind: 'document' }, asRoot), removes: { catalogue: ['fresh'] } },
    {
      call: (m) =>
        m.createResource(
          {
            name: 'shared',
            kind: 'document',
            grants: [
              { ...group('dept'), ...read },
              { ...group('other'), ...read },
            ],
          },
          asRoot,
        ),
      removes: { lists: [...DEPARTMENT, 'dee'], catalogue: ['shared'] },
    },
  ],
  updateResource: [
    {
      call: (m) => m.updateResource({ ...resource('handbook'), changes: { description: 'changed' } }, asRoot),
      removes: { lists: DEPARTMENT, catalogue: ['handbook'] },
    },
    {
      call: (m) =>
        m.updateResource({ ...resource('handbook'), changes: { name: 'book', attributes: { a: 1 } } }, asRoot),
      removes: { lists: DEPARTMENT, catalogue: ['handbook'] },
    },
  ],
  deleteResource: [
    {
      call: (m) => m.deleteResource(resource('handbook'), asRoot),
      removes: { lists: DEPARTMENT, catalogue: ['handbook'] },
    },
  ],
  putGrant: [
    {
      call: (m) => m.putGrant({ ...group('other'), ...resource('handbook'), ...read }, asRoot),
      removes: { lists: ['dee'], catalogue: ['handbook'] },
    },
    // To a parent: members of its descendants too.
    {
      call: (m) => m.putGrant({ ...group('dept'), ...resource('handbook'), permission: 'admin' }, asRoot),
      removes: { lists: DEPARTMENT, catalogue: ['handbook'] },
    },
    {
      call: (m) => m.putGrant({ ...group('dept'), ...resource('handbook'), ...read, ...end }, asRoot),
      removes: { lists: DEPARTMENT, catalogue: ['handbook'] },
    },
  ],
  removeGrant: [
    {
      call: (m) => m.removeGrant({ ...group('dept'), ...resource('handbook') }, asRoot),
      removes: { lists: DEPARTMENT, catalogue: ['handbook'] },
    },
    // From a child: never the members of its parent or sibling.
    {
      call: (m) => m.removeGrant({ ...group('dept/blue'), ...resource('blue-plan') }, asRoot),
      removes: { lists: ['cid'], catalogue: ['blue-plan'] },
    },
  ],
  replaceGrants: [
    {
      call: (m) =>
        m.replaceGrants(
          {
            ...group('dept/red'),
            grants: [
              { ...resource('elsewhere'), ...read },
              { ...resource('handbook'), ...read },
            ],
            condition: '*',
          },
          asRoot,
        ),
      removes: { lists: ['ben'], catalogue: ['red-plan', 'elsewhere', 'handbook'] },
    },
    {
      call: (m) =>
        m.replaceGrants(
          { ...group('dept'), grants: [{ ...resource('handbook'), ...read, ...end }], condition: '*' },
          asRoot,
        ),
      removes: { lists: DEPARTMENT, catalogue: ['handbook'] },
    },
  ],
  createScimUser: [
    {
      call: (m) =>
        m.createScimUser({ id: id('new'), attributes: { userName: 'new', active: true, profile: {} } }, asRoot),
      removes: { both: ['new'] },
    },
    {
      call: (m) =>
        m.createScimUser({ id: id('off'), attributes: { userName: 'off', active: false, profile: {} } }, asRoot),
      removes: { both: ['off'] },
    },
  ],
  updateScimUser: [
    {
      call: (m) => m.updateScimUser({ id: id('ann'), changes: patch('active', false), idSource: 'userName' }, asRoot),
      removes: { both: ['ann'] },
    },
  ],
  createScimGroup: [
    {
      call: (m) =>
        m.createScimGroup(
          {
            id: randomUUID() as string as GroupId,
            attributes: { displayName: 'new', members: [{ value: id('ann') }] },
          },
          asRoot,
        ),
      removes: { both: ['ann'] },
    },
  ],
  updateScimGroup: [
    {
      call: async (m, idOf) =>
        m.updateScimGroup({ id: await idOf('dept'), changes: patch('displayName', 'department') }, asRoot),
      removes: { both: DEPARTMENT },
    },
    {
      call: async (m, idOf) =>
        m.updateScimGroup({ id: await idOf('dept/red'), changes: patch('members', [{ value: 'eve' }]) }, asRoot),
      removes: { both: ['ben', 'eve'] },
    },
    {
      call: async (m, idOf) =>
        m.updateScimGroup({ id: await idOf('dept'), changes: { replacement: { displayName: 'department' } } }, asRoot),
      removes: { both: DEPARTMENT },
    },
  ],
  importOrganisation: [
    {
      call: (m) =>
        m.importOrganisation(
          {
            users: [{ id: id('fay') }],
            groups: [{ name: 'dept' }, { name: 'dept/red', parent: null }],
            memberships: [{ group: 'dept', user: 'fay', role: 'member' }],
            resources: [{ name: 'red-plan', kind: 'drawing' }],
            grants: [{ group: 'dept', resource: 'red-plan', permission: 'admin' }],
          },
          asRoot,
        ),
      removes: 'layers',
    },
  ],
}
