/** Users and groups as SCIM shows them, reduced to the attributes that were asked for (RFC 7644, 3.9). */
import type { ScimGroupFound, ScimPage, ScimUserFound } from '../../domain/api.ts'
import {
  ENTERPRISE_SCHEMA,
  GROUP_SCHEMA,
  nested,
  PROFILE_ATTRIBUTES,
  type ScimKind,
  USER_SCHEMA,
  withoutSchema,
} from '../../domain/scim-schema.ts'
import { LIST_SCHEMA } from './messages.ts'

type Resource = Readonly<Record<string, unknown>>

/** Attributes to show, in lower case; `only` has precedence. */
export interface Selection {
  readonly only?: readonly string[] | undefined
  readonly without?: readonly string[] | undefined
}

export const tagOf = ({ version = '' }: { readonly version?: string }) => `"${version}"`

export function userResource(user: ScimUserFound, base: string): Resource {
  const { id, userName, externalId, displayName, active, profile, groups = [], createdAt, updatedAt } = user
  const location = locationOf(base, 'User', id)
  const isExtended = Object.keys(profile).some((name) => name.startsWith(ENTERPRISE_SCHEMA))
  return {
    schemas: [USER_SCHEMA, ...(isExtended ? [ENTERPRISE_SCHEMA] : [])],
    id,
    externalId,
    userName,
    displayName,
    active,
    ...Object.fromEntries(PROFILE_ATTRIBUTES.map(({ name }) => [name, profile[name]])),
    groups:
      groups.length === 0
        ? undefined
        : groups.map(({ id: value, display }) => ({
            value,
            $ref: locationOf(base, 'Group', value),
            display,
            type: 'direct',
          })),
    meta: {
      resourceType: 'User',
      created: createdAt,
      lastModified: updatedAt,
      location,
      version: tagOf(user),
    },
  }
}

export function groupResource(group: ScimGroupFound, base: string): Resource {
  const { id, displayName, externalId, members = [], createdAt, updatedAt } = group
  return {
    schemas: [GROUP_SCHEMA],
    id,
    externalId,
    displayName,
    members: members.map(({ id: value, display }) => ({
      value,
      $ref: locationOf(base, 'User', value),
      display,
      type: 'User',
    })),
    meta: {
      resourceType: 'Group',
      created: createdAt,
      lastModified: updatedAt,
      location: locationOf(base, 'Group', id),
      version: group.version === undefined ? undefined : tagOf(group),
    },
  }
}

export const locationOf = (base: string, kind: ScimKind, id: string) => `${base}/${kind}s/${encodeURIComponent(id)}`

export function listResponse<Found>(
  { total, found }: ScimPage<Found>,
  startIndex: number,
  resource: (each: Found) => Resource,
): Resource {
  return {
    schemas: [LIST_SCHEMA],
    totalResults: total,
    startIndex,
    itemsPerPage: found.length,
    Resources: found.map(resource),
  }
}

/** Whether the attribute, or a part of it, is to be shown. An extension's name stands for all of its attributes. */
export function isSelected({ only, without }: Selection, attribute: string): boolean {
  const wanted = attribute.toLowerCase()
  const isMeant = (name: string) => name === wanted || wanted.startsWith(`${name}:`)
  if (only !== undefined) return only.some((name) => isMeant(name) || name.startsWith(`${wanted}.`))
  return !(without ?? []).some(isMeant)
}

/** Always shown. */
const ALWAYS = new Set(['schemas', 'id'])

export function selected(resource: Resource, selection: Selection): Resource {
  const shown = Object.entries(resource).filter(([name]) => ALWAYS.has(name) || isSelected(selection, name))
  return nested(Object.fromEntries(shown.map(([name, value]) => [name, partsOf(value, name.toLowerCase(), selection)])))
}

function partsOf(value: unknown, attribute: string, selection: Selection): unknown {
  if (Array.isArray(value)) return value.map((each) => partsOf(each, attribute, selection))
  if (value === null || typeof value !== 'object' || value instanceof Date || ALWAYS.has(attribute)) return value
  const { only, without = [] } = selection
  const isShown = (part: string) => {
    const name = `${attribute}.${part.toLowerCase()}`
    if (only === undefined) return !without.includes(name)
    return only.some((each) => each === attribute || each === name || attribute.startsWith(`${each}:`))
  }
  return Object.fromEntries(Object.entries(value).filter(([part]) => isShown(part)))
}

/** A list of names with commas in between, with or without their schema. */
export function namesIn(kind: ScimKind, list: string): string[] {
  return list.split(',').flatMap((each) => withoutSchema(kind, each.trim())?.toLowerCase() ?? [])
}
