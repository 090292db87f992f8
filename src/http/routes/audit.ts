/** Who did what, when and why: the audit log, which nothing changes. */
import { z } from 'zod'
import { admin } from '../policies.ts'
import { page } from '../reply.ts'
import { route } from '../route.ts'
import { auditEntryOut, instantOf, pageOf, pageQuery, userId } from '../schemas.ts'
import { line } from '../text.ts'

const listAudit = route({
  operationId: 'listAuditEntries',
  method: 'get',
  path: '/admin/audit',
  summary: 'Who did what, newest first: before and after, reason, request and token',
  tag: 'Audit',
  policy: admin,
  quota: 'admin',
  query: z.strictObject({
    ...pageQuery,
    actor: userId.exactOptional(),
    action: line({ max: 100 }).exactOptional().meta({ description: 'For example `removeUserFromGroup`' }),
    target: line({ max: 1000 }).exactOptional().meta({ description: 'Exactly, for example `user:alice`' }),
    since: instantOf('At this time or later').exactOptional(),
    until: instantOf('Before this time').exactOptional(),
  }),
  answers: [{ status: 200, description: 'A page', schema: pageOf(auditEntryOut), headers: ['Link'] }],
  handle: async ({ query, caller }, { reads }) =>
    page(await reads.auditTrail({ ...query, reader: caller.id }), (entry) => entry),
})

export const auditRoutes = [listAudit]
