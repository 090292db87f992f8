/** The names of SCIM's messages, and how attributes are spelled in them. */
import { attributeNamed, ENTERPRISE_SCHEMA, isExtension, type ScimAttribute } from '../../domain/scim-schema.ts'

export const PATCH_SCHEMA = 'urn:ietf:params:scim:api:messages:2.0:PatchOp'
export const SEARCH_SCHEMA = 'urn:ietf:params:scim:api:messages:2.0:SearchRequest'
export const LIST_SCHEMA = 'urn:ietf:params:scim:api:messages:2.0:ListResponse'
export const ERROR_SCHEMA = 'urn:ietf:params:scim:api:messages:2.0:Error'

/** Members of a message in whatever case, as it spells them itself. */
export const spelled = (names: readonly string[]) => (value: unknown) =>
  value === null || typeof value !== 'object' || Array.isArray(value)
    ? value
    : Object.fromEntries(
        Object.entries(value).map(([key, inner]) => [
          names.find((name) => name.toLowerCase() === key.toLowerCase()) ?? key,
          inner,
        ]),
      )

/** Whether a message says that it is one of these. */
export const names = (schema: string) => (schemas: readonly string[]) =>
  schemas.some((each) => each.toLowerCase() === schema.toLowerCase())

/** The same object with known attributes as the schema spells them. */
export function canonical(value: unknown, attributes: readonly ScimAttribute[]): unknown {
  if (Array.isArray(value)) return value.map((each) => canonical(each, attributes))
  if (value === null || typeof value !== 'object') return value
  const entries = Object.entries(value).map(([key, inner]) => {
    const known = attributeNamed(attributes, key)
    if (known === undefined) return [spellingOf(key), inner]
    return [known.name, known.subAttributes ? canonical(inner, known.subAttributes) : inner]
  })
  return Object.fromEntries(entries)
}

function spellingOf(key: string): string {
  if (isExtension(key)) return ENTERPRISE_SCHEMA
  return key.toLowerCase() === 'schemas' ? 'schemas' : key
}
