/** Resources come, change and go. */
import { checkEnds, endsIn } from '../ends.ts'
import { DomainError } from '../errors.ts'
import { allResources, resourcesOfHolders } from '../invalidation-rules.ts'
import { mergePatch, sameJson } from '../merge-patch.ts'
import {
  ATTRIBUTES_MAX_BYTES,
  contentOf,
  EMPTY_CONTENT,
  type Grant,
  type Group,
  type GroupId,
  type JsonObject,
  type Permission,
  RESOURCE_CONTENT,
  type Ref,
  type Resource,
  type ResourceContent,
  type ResourceId,
} from '../model.ts'
import type { Holders, Transaction } from '../transaction.ts'
import { keepingTheTree, mutation } from './declare.ts'
import { checkVersion, named, required } from './references.ts'
import { refuseDuplicates } from './replacement.ts'

type FirstGrants = readonly {
  readonly group: Ref<GroupId>
  readonly permission: Permission
  readonly expiresAt?: Date | null
}[]

interface Subject {
  readonly resource: Resource
  readonly holders: Holders
}

const theResource = async (tx: Transaction, { resource }: { resource: Ref<ResourceId> }): Promise<Subject> =>
  required(await tx.resources.lock(resource), resource)

const idOf = ({ resource }: Subject) => [resource.id]
const holdersOf = ({ holders }: Subject) => holders
const targetOf = ({ resource }: { resource: Ref<ResourceId> }) => `resource:${named(resource)}`

export const createResource = mutation('createResource')
  .locking(keepingTheTree)
  .on(async (tx, { grants = [], ...said }) => {
    const id = crypto.randomUUID() as string as ResourceId
    const known = await tx.groups.lockAll(grants.map(({ group }) => group))
    const first = firstGrants(id, grants, known)
    await checkEnds(tx, endsIn('grants', grants))
    const groups = first.map(({ groupId }) => groupId)
    const times = { createdAt: tx.now, updatedAt: tx.now }
    const resource: Resource = { id, ...contentOf({ ...EMPTY_CONTENT, ...said }), version: 1, ...times }
    return { resource, grants: first, holders: { groups, users: await tx.groups.membersBelow(groups) } }
  })
  .invalidates(allResources(idOf))
  .invalidates(resourcesOfHolders(holdersOf))
  .write((tx, { resource, grants }): Resource => {
    tx.resources.insert(resource, grants)
    return resource
  })
  .audited({ target: ({ name }) => `resource:${name}`, after: (resource) => resource })

export const updateResource = mutation('updateResource')
  .locking(keepingTheTree)
  .on(theResource)
  .invalidates(allResources(idOf))
  .invalidates(resourcesOfHolders(holdersOf))
  .write(
    (tx, { resource: before }, { changes, ifVersion }): Resource => {
      checkVersion(before.version, ifVersion)
      const patched = { ...before, ...changes, attributes: patchedAttributes(before, changes.attributes) }
      if (isSame(patched, before)) return before
      const resource = { ...patched, version: before.version + 1, updatedAt: tx.now }
      tx.resources.update(resource)
      return resource
    },
    (resource, { resource: before }) => resource !== before,
  )
  .audited({ target: targetOf, before: ({ resource }) => resource, after: (resource) => resource })

export const deleteResource = mutation('deleteResource')
  .locking(keepingTheTree)
  .on(theResource)
  .invalidates(allResources(idOf))
  .invalidates(resourcesOfHolders(holdersOf))
  .write((tx, { resource }, { ifVersion }): null => {
    checkVersion(resource.version, ifVersion)
    tx.resources.remove(resource.id)
    return null
  })
  .audited({ target: targetOf, before: ({ resource }) => resource })

function isSame(one: ResourceContent, other: ResourceContent): boolean {
  return RESOURCE_CONTENT.every((field) => sameJson(one[field], other[field]))
}

/**
 * @param patch absent keeps, null clears
 * @throws DomainError `invalid-input` when small patches have added up to more than may be kept
 */
function patchedAttributes(found: Resource, patch: JsonObject | null | undefined): JsonObject {
  if (patch === undefined) return found.attributes
  const attributes = patch ? mergePatch(found.attributes, patch) : {}
  if (Buffer.byteLength(JSON.stringify(attributes)) > ATTRIBUTES_MAX_BYTES)
    throw new DomainError('invalid-input', 'the attributes would become too large; remove some with null', {
      problems: [
        { path: '/attributes', message: 'must be at most 16 KiB as JSON, together with those that are there' },
      ],
    })
  return attributes
}

/** @throws DomainError `unknown-group`, or `invalid-input` for a repetition, with every group that does not exist, by JSON pointer */
function firstGrants(resourceId: ResourceId, grants: FirstGrants, known: readonly Group[]): Grant[] {
  const idOfRef = new Map<string, GroupId>(
    known.flatMap(({ id, name }) => [[`id:${id}`, id] as const, [`name:${name}`, id] as const]),
  )
  const held: Grant[] = []
  const problems = []
  for (const [position, { group, permission, expiresAt = null }] of grants.entries()) {
    const groupId = idOfRef.get('id' in group ? `id:${group.id.toLowerCase()}` : `name:${group.name}`)
    if (groupId !== undefined) held.push({ groupId, resourceId, permission, expiresAt })
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
