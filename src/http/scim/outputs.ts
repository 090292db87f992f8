/** The shapes of SCIM's answers, for the document. */
import { z } from 'zod'

const meta = z
  .object({
    resourceType: z.string().optional(),
    created: z.string().optional(),
    lastModified: z.string().optional(),
    location: z.string().optional(),
    version: z.string().optional(),
  })
  .optional()
const reference = z.object({
  value: z.string().optional(),
  $ref: z.string().optional(),
  display: z.string().optional(),
  type: z.string().optional(),
})
const schemas = z.array(z.string())

export const scimUserOut = z
  .object({
    schemas,
    id: z.string(),
    externalId: z.string().optional(),
    userName: z.string().optional(),
    displayName: z.string().optional(),
    active: z.boolean().optional(),
    name: z.looseObject({}).optional(),
    emails: z.array(z.looseObject({})).optional(),
    groups: z.array(reference).optional(),
    meta,
  })
  .meta({ id: 'ScimUser' })

export const scimGroupOut = z
  .object({
    schemas,
    id: z.string(),
    externalId: z.string().optional(),
    displayName: z.string().optional(),
    members: z.array(reference).optional(),
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
