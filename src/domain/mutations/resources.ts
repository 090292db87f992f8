/** Resources come, change and go. */

import { DomainError } from '../errors.ts'
import { allResources, resourcesOfHolders, resourcesOfMembersBelow } from '../invalidation-rules.ts'
import { mergePatch } from '../merge-patch.ts'
import {
  ATTRIBUTES_MAX_BYTES,
  type GroupId,
  type JsonObject,
  type Permission,
  type Ref,
  type Resource,
  type ResourceId,
} from '../model.ts'
import type { Transaction } from '../transaction.ts'
import { type Input, mutation } from './declare.ts'
import { checkVersion, groupIds, idsOf, named, required } from './references.ts'
import { refuseDuplicates } from './replacement.ts'

type FirstGrants = readonly { readonly group: Ref<GroupId>; readonly permission: Permission }[]

const groupsOf = (grants: FirstGrants) => grants.map(({ group }) => group)

export const createResource = mutation<Input<'createResource'>>('createResource')
  .locking((tx) => tx.lock.treeShape())
  .locking(async (tx, { grants = [] }) => tx.lock.grantsOf(await groupIds(tx, groupsOf(grants))))
  .invalidates(allResources(async ({ name }, tx) => idsOf(await tx.resources.find({ name }))))
  .invalidates(resourcesOfMembersBelow(({ grants = [] }, tx) => groupIds(tx, groupsOf(grants))))
  .audited(
    ({ name }) => `resource:${name}`,
    (tx, { name }) => tx.resources.find({ name }),
  )
  .write(async (tx, { name, kind, description = null, attributes = {}, grants = [] }): Promise<Resource> => {
    if (await tx.resources.find({ name })) throw new DomainError('already-exists', `a resource named ${name} exists`)
    const holders = await knownGroups(tx, grants)
    const resource = await tx.resources.create({ name, kind, description, attributes })
    for (const { groupId, permission } of holders) await tx.grants.put({ groupId, resourceId: resource.id, permission })
    return resource
  })

export const updateResource = mutation<Input<'updateResource'>>('updateResource')
  .locking((tx) => tx.lock.treeShape())
  .locking((tx, { resource }) => lockResource(tx, resource))
  .invalidates(allResources(async ({ resource }, tx) => idsOf(await tx.resources.find(resource))))
  .invalidates(resourcesOfHolders(async ({ resource }, tx) => (await tx.resources.find(resource))?.id ?? null))
  .audited(
    ({ resource }) => `resource:${named(resource)}`,
    (tx, { resource }) => tx.resources.find(resource),
  )
  .write(async (tx, { resource, changes, ifVersion }): Promise<Resource> => {
    const found = await required(tx.resources.find(resource), resource)
    checkVersion(found.version, ifVersion)
    if (changes.name !== undefined && changes.name !== found.name && (await tx.resources.find({ name: changes.name })))
      throw new DomainError('already-exists', `a resource named ${changes.name} exists`)
    const { attributes, ...rest } = changes
    const patched = attributes === undefined ? {} : { attributes: patchedAttributes(found, attributes) }
    return tx.resources.update(found.id, { ...rest, ...patched })
  })

export const deleteResource = mutation<Input<'deleteResource'>>('deleteResource')
  .locking((tx) => tx.lock.treeShape())
  .locking((tx, { resource }) => lockResource(tx, resource))
  .invalidates(allResources(async ({ resource }, tx) => idsOf(await tx.resources.find(resource))))
  .invalidates(resourcesOfHolders(async ({ resource }, tx) => (await tx.resources.find(resource))?.id ?? null))
  .audited(
    ({ resource }) => `resource:${named(resource)}`,
    (tx, { resource }) => tx.resources.find(resource),
  )
  .write(async (tx, { resource, ifVersion }): Promise<null> => {
    const found = await required(tx.resources.find(resource), resource)
    checkVersion(found.version, ifVersion)
    await tx.resources.remove(found.id)
    return null
  })

/** @throws DomainError `invalid-input` when small patches have added up to more than may be kept */
function patchedAttributes(found: Resource, patch: JsonObject | null): JsonObject {
  const attributes = patch ? mergePatch(found.attributes, patch) : {}
  if (Buffer.byteLength(JSON.stringify(attributes)) > ATTRIBUTES_MAX_BYTES)
    throw new DomainError('invalid-input', 'the attributes would become too large; remove some with null', {
      problems: [
        { path: '/attributes', message: 'must be at most 16 KiB as JSON, together with those that are there' },
      ],
    })
  return attributes
}

async function lockResource(tx: Transaction, ref: Ref<ResourceId>): Promise<void> {
  const found = await tx.resources.find(ref)
  if (!found) return
  // The groups before the resource: the order in which every other mutation takes them.
  await tx.lock.grantsOf(await tx.grants.groupsOf(found.id))
  await tx.lock.resource(found.id)
}

/** @throws DomainError `unknown-group`, or `invalid-input` for a repetition, with every group that does not exist, by JSON pointer */
async function knownGroups(tx: Transaction, grants: FirstGrants) {
  const held: { groupId: GroupId; permission: Permission }[] = []
  const problems = []
  for (const [position, { group, permission }] of grants.entries()) {
    const found = await tx.groups.find(group)
    if (found) held.push({ groupId: found.id, permission })
    else problems.push({ path: `/grants/${position}/group`, message: 'does not exist' })
  }
  if (problems.length > 0) throw new DomainError('unknown-group', 'some of these groups do not exist', { problems })
  // By id: one group may be named in two ways.
  refuseDuplicates(
    held.map(({ groupId }) => groupId),
    (position) => `/grants/${position}/group`,
  )
  return held
}
