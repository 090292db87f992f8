/** Refusals as SCIM has them (RFC 7644, 3.12), for everything under its path. */
import type { Request } from 'express'
import { z } from 'zod'
import type { Problem, ProblemCode } from '../problem.ts'
import { ERROR_SCHEMA } from './messages.ts'

export const SCIM_PATH = '/scim/v2'
export const SCIM_TYPE = 'application/scim+json'

/** Calls of SCIM that are optional and not supported here (RFC 7644, 3.7 and 3.11). */
export const UNSUPPORTED = ['Bulk', 'Me'].map((name) => `${SCIM_PATH}/${name}`)

export const isForScim = ({ originalUrl }: Request) => originalUrl.startsWith(`${SCIM_PATH}/`)

export const scimErrorOut = z
  .object({
    schemas: z.array(z.string()),
    status: z.string(),
    scimType: z.string().optional(),
    detail: z.string(),
  })
  .meta({ id: 'ScimError', description: 'RFC 7644, 3.12' })

const TYPES: Partial<Record<ProblemCode, string>> = {
  'already-exists': 'uniqueness',
  'malformed-request': 'invalidSyntax',
  'invalid-input': 'invalidValue',
}

/** A message that is no object at all. */
const isWithoutStructure = ({ errors = [] }: Problem['body']) => errors.some(({ pointer }) => pointer === '#')

export function scimErrorOf({ status, code, scimType, body }: Problem): z.output<typeof scimErrorOut> {
  const named = scimType ?? (isWithoutStructure(body) ? 'invalidSyntax' : TYPES[code])
  const items = (body.errors ?? []).map(({ pointer, parameter, detail }) => `${pointer ?? parameter ?? ''} ${detail}`)
  return {
    schemas: [ERROR_SCHEMA],
    status: String(status),
    ...(named !== undefined && { scimType: named }),
    detail: [body.detail, ...items].join(' '),
  }
}
