/** Refusals as SCIM has them (RFC 7644, 3.12), for everything under its path. */
import type { Request } from 'express'
import { z } from 'zod'
import type { Problem, ProblemCode } from '../problem.ts'
import { ERROR_SCHEMA } from './messages.ts'

export const SCIM_PATH = '/scim/v2'
export const SCIM_TYPE = 'application/scim+json'

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

export function scimErrorOf({ status, code, scimType, body }: Problem): z.output<typeof scimErrorOut> {
  const named = scimType ?? TYPES[code]
  const items = (body.errors ?? []).map(({ pointer, parameter, detail }) => `${pointer ?? parameter ?? ''} ${detail}`)
  return {
    schemas: [ERROR_SCHEMA],
    status: String(status),
    ...(named !== undefined && { scimType: named }),
    detail: [body.detail, ...items].join(' '),
  }
}
