/** The shapes of SCIM's answers, for the document. */
import { z } from 'zod'
import { SCHEMAS, type ScimAttribute } from '../../domain/scim-schema.ts'

const meta = z
  .object({
    resourceType: z.string().optional(),
    created: z.string().optional(),
    lastModified: z.string().optional(),
    location: z.string().optional(),
    version: z.string().optional(),
  })
  .optional()
const schemas = z.array(z.string())

const SHAPES = { string: z.string(), reference: z.string(), integer: z.int(), boolean: z.boolean() }

function shapeOf({ type, multiValued, subAttributes }: ScimAttribute): z.ZodType {
  const one = type === 'complex' ? z.object(shapesOf(subAttributes ?? [])) : SHAPES[type]
  return multiValued ? z.array(one) : one
}

const shapesOf = (attributes: readonly ScimAttribute[]) =>
  Object.fromEntries(attributes.map((each) => [each.name, shapeOf(each).optional()]))

export const scimUserOut = z
  .object({
    schemas,
    id: z.string(),
    ...shapesOf(SCHEMAS.user.attributes),
    [SCHEMAS.enterprise.id]: z.object(shapesOf(SCHEMAS.enterprise.attributes)).optional(),
    meta,
  })
  .meta({ id: 'ScimUser' })

export const scimGroupOut = z
  .object({
    schemas,
    id: z.string(),
    ...shapesOf(SCHEMAS.group.attributes),
    meta,
  })
  .meta({ id: 'ScimGroup' })

export const scimListOut = (resource: z.ZodType) =>
  z.object({
    schemas,
    totalResults: z.int(),
    startIndex: z.int(),
    itemsPerPage: z.int(),
    Resources: z.array(resource),
  })
