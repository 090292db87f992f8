/**
 * Applies the operations of a PATCH (RFC 7644, 3.5.2) to the attributes of one user or group. Names and the types of the
 * values were checked before (http/scim/operations.ts): what is left depends on what is stored.
 */
import { isDeepStrictEqual } from 'node:util'
import { ScimError } from './errors.ts'
import type { JsonObject, JsonValue } from './model.ts'
import { equalities, matches } from './scim-filter.ts'
import type {
  ScimChanges,
  ScimGroupAttributes,
  ScimOperation,
  ScimProfile,
  ScimUserAttributes,
  ScimUserReplacement,
} from './scim-model.ts'
import { ATTRIBUTES_OF, type ScimAttribute, VALUES_MAX } from './scim-schema.ts'
import { canonical } from './scim-version.ts'

/** Attributes by name; multi-valued ones as objects, by the key that distinguishes their values. */
type Document = Map<string, JsonValue>
type Element = JsonObject

const namesOf = (isMeant: (attribute: ScimAttribute) => boolean) =>
  new Set(Object.values(ATTRIBUTES_OF).flatMap((all) => all.filter(isMeant).map(({ name }) => name)))
const MULTI_VALUED = namesOf(({ multiValued }) => multiValued)
const COMPLEX = namesOf(({ type, multiValued }) => type === 'complex' && !multiValued)
/** Compared exactly: ids. */
const EXACT = new Set(['members'])

/**
 * @param before as it is stored
 * @throws ScimError `noTarget`, `mutability`, `invalidValue`
 */
export function changedUser(before: ScimUserAttributes, changes: ScimChanges<ScimUserReplacement>): ScimUserAttributes {
  if ('replacement' in changes) {
    const { active = before.active, profile, ...rest } = changes.replacement
    return { ...rest, active, profile: withDistinctValues(profile) }
  }
  const { userName, active, externalId, displayName, profile } = before
  const document = documentOf({ userName, active, externalId, displayName, ...profile })
  for (const operation of changes.operations) apply(document, operation)
  const own = {
    userName: kept(document, 'userName') as string,
    active: kept(document, 'active') as boolean,
    externalId: document.get('externalId') as string | undefined,
    displayName: document.get('displayName') as string | undefined,
  }
  const rest = [...document].filter(([name]) => !Object.hasOwn(own, name))
  const tooLong = rest.find(([, value]) => Array.isArray(value) && value.length > VALUES_MAX)
  if (tooLong) throw new ScimError('invalidValue', `${tooLong[0]} has at most ${VALUES_MAX} values.`)
  return { ...own, profile: Object.fromEntries(rest) }
}

/** The same for a group. */
export function changedGroup(
  before: ScimGroupAttributes,
  changes: ScimChanges<ScimGroupAttributes>,
): ScimGroupAttributes {
  if ('replacement' in changes) return changes.replacement
  const document = documentOf({ ...before })
  for (const operation of changes.operations) apply(document, operation)
  return {
    displayName: kept(document, 'displayName') as string,
    externalId: document.get('externalId') as string | undefined,
    members: document.get('members') as ScimGroupAttributes['members'],
  }
}

/**
 * The members that the changes are about, where they name each of them; null where they depend on all members. A group
 * of fifty thousand is not read for one who joins it.
 */
export function namedMembers(changes: ScimChanges<ScimGroupAttributes>): string[] | null {
  if ('replacement' in changes) return null
  const named: string[] = []
  for (const { op, attribute, filter, value } of changes.operations) {
    if (attribute !== 'members') continue
    const meant = filter === undefined ? valuesOf(value) : equalities(filter).get('value')
    if (op === 'replace' || meant === undefined) return null
    named.push(...(typeof meant === 'string' ? [meant] : (meant as string[])))
  }
  return [...new Set(named)]
}

function valuesOf(value: JsonValue | undefined): string[] | undefined {
  return value === undefined ? undefined : elementsIn(value).map((element) => String(element.value))
}

function documentOf(attributes: Readonly<Record<string, unknown>>): Document {
  const given = Object.entries(attributes).filter(([, value]) => value !== undefined)
  return new Map(given as [string, JsonValue][])
}

function kept(document: Document, attribute: string): JsonValue {
  const value = document.get(attribute)
  if (value === undefined) throw new ScimError('mutability', `${attribute} cannot be removed.`)
  return value
}

function apply(document: Document, operation: ScimOperation): void {
  const { attribute, sub } = operation
  if (MULTI_VALUED.has(attribute)) applyToValues(document, operation)
  else if (COMPLEX.has(attribute)) applyToComplex(document, operation)
  else if (sub === undefined) set(document, attribute, operation.op === 'remove' ? undefined : operation.value)
}

function set(document: Document, attribute: string, value: JsonValue | undefined): void {
  const isEmpty = value === undefined || value === null || isDeepStrictEqual(value, []) || isDeepStrictEqual(value, {})
  if (isEmpty) document.delete(attribute)
  else document.set(attribute, value)
}

function applyToComplex(document: Document, { op, attribute, sub, value }: ScimOperation): void {
  const before = (document.get(attribute) ?? {}) as Element
  const given = sub === undefined ? (value as Element) : { [sub]: op === 'remove' ? null : (value ?? null) }
  // Named sub-attributes are replaced; the others stay.
  set(document, attribute, op === 'remove' && sub === undefined ? undefined : merged(before, given))
}

function merged(before: Element, given: Element): Element {
  const all = Object.entries({ ...before, ...given })
  return Object.fromEntries(all.filter(([, value]) => value !== null && value !== undefined))
}

function applyToValues(document: Document, operation: ScimOperation): void {
  const { op, attribute, filter, sub, value } = operation
  const before = (document.get(attribute) ?? []) as readonly Element[]
  const after =
    filter !== undefined || sub !== undefined
      ? withMatching(before, operation)
      : op === 'add'
        ? withAdded(before, elementsIn(value))
        : op === 'replace'
          ? withAdded([], elementsIn(value))
          : without(before, value)
  set(document, attribute, after)
}

const elementsIn = (value: JsonValue | undefined): Element[] =>
  value === undefined || value === null ? [] : ((Array.isArray(value) ? value : [value]) as Element[])

/** Addresses have no value that distinguishes them. */
const identity = (element: Element) =>
  element.value === undefined ? canonical(element) : JSON.stringify([element.value, element.type ?? null])

const notPrimary = (element: Element): Element => (element.primary === true ? { ...element, primary: false } : element)

/** No value of an attribute twice, none without parts, and one primary at most (RFC 7643, 2.4 and 2.5). */
export function withDistinctValues(profile: ScimProfile): ScimProfile {
  const entries = Object.entries(profile).map(([name, value]) => [
    name,
    Array.isArray(value) ? withAdded([], value as Element[]) : value,
  ])
  return Object.fromEntries(entries)
}

/** A value that already exists is not added again. Only one is primary: the last that says so. */
function withAdded(before: readonly Element[], added: readonly Element[]): readonly Element[] {
  const all = new Map(before.map((element) => [identity(element), element]))
  for (const element of added) {
    if (Object.keys(element).length === 0) continue
    if (element.primary === true) for (const [key, other] of all) all.set(key, notPrimary(other))
    all.set(identity(element), merged(all.get(identity(element)) ?? {}, element))
  }
  return [...all.values()]
}

/** Without a value, all values are removed; with one (as Entra ID sends it), only the named ones. */
function without(before: readonly Element[], value: JsonValue | undefined): readonly Element[] {
  if (value === undefined || value === null) return []
  const removed = new Set(elementsIn(value).map((element) => element.value))
  return before.filter((element) => !removed.has(element.value as string))
}

function withMatching(before: readonly Element[], operation: ScimOperation): readonly Element[] {
  const { op, attribute, filter, sub, value } = operation
  const isMeant = (element: Element) =>
    filter === undefined || matches(filter, element, EXACT.has(attribute) ? 'exactly' : 'folded')
  if (op === 'remove')
    return sub === undefined
      ? before.filter((element) => !isMeant(element))
      : before.map((element) => (isMeant(element) ? merged(element, { [sub]: null }) : element))
  const given = sub === undefined ? (value as Element) : { [sub]: value ?? null }
  if (before.some(isMeant)) {
    const isPrimary = given.primary === true
    const others = isPrimary ? before.map(notPrimary) : before
    return others.map((element, at) => (isMeant(before[at] ?? {}) ? merged(element, given) : element))
  }
  // Replacing a missing value is refused, unless the attribute has no value at all (RFC 7644, 3.5.2.3).
  if (op === 'replace' && before.length > 0)
    throw new ScimError('noTarget', `No value of ${attribute} matches the filter of the path.`)
  const described = Object.fromEntries(filter === undefined ? [] : equalities(filter)) as Element
  return withAdded(before, [merged(described, given)])
}
