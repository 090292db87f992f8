/** Bulk import: a whole organisation in one transaction, all or nothing. */
import { z } from 'zod'
import { importBody } from '../import/body.ts'
import { createImportReader } from '../import/reader.ts'
import { admin } from '../policies.ts'
import { mutated } from '../reply.ts'
import { route } from '../route.ts'

/** A million memberships with long names. */
const BODY_LIMIT_BYTES = 128 * 1024 * 1024
/** A large organisation takes longer than an ordinary request may. */
const DEADLINE_MS = 300_000

const count = z.object({ total: z.int(), created: z.int(), updated: z.int() }).meta({ id: 'ImportCount' })
const countsOut = z
  .object({ users: count, groups: count, memberships: count, resources: count, grants: count, changed: z.boolean() })
  .meta({ id: 'ImportCounts' })

const importOrganisation = route({
  operationId: 'importOrganisation',
  method: 'post',
  path: '/import',
  summary: 'Create everything in the body, or bring it to this state; items refer to each other by name',
  tag: 'Import',
  policy: admin,
  body: importBody,
  bodyExample: {
    users: [{ id: 'frank' }],
    groups: [{ name: 'sample/imported' }],
    memberships: [{ group: 'sample/imported', user: 'frank', role: 'member' }],
    resources: [{ name: 'sample/imported-repository', kind: 'repository' }],
    grants: [
      {
        group: 'sample/imported',
        resource: 'sample/imported-repository',
        permission: 'read',
        expiresAt: '2099-01-31T12:00:00Z',
      },
    ],
  },
  readsBody: createImportReader(),
  bodyLimitBytes: BODY_LIMIT_BYTES,
  deadlineMs: DEADLINE_MS,
  quota: 'import',
  answers: [{ status: 200, description: 'What changed', schema: countsOut, headers: ['Consistency-Token'] }],
  refuses: [
    'already-exists',
    'unknown-user',
    'unknown-group',
    'unknown-resource',
    'group-cycle',
    'group-too-deep',
    'end-in-the-past',
    'idempotency-in-progress',
    'idempotency-other-body',
  ],
  async handle({ body, mutation }, { mutations }) {
    const outcome = await mutations.importOrganisation(body, mutation())
    return mutated(outcome, outcome.value)
  },
})

export const importRoutes = [importOrganisation]
