/** The bulk door: a whole organisation in one transaction, all or nothing. */
import { z } from 'zod'
import { mutated } from '../answers.ts'
import { admin } from '../policies.ts'
import { route } from '../route.ts'
import {
  attributes,
  description,
  displayName,
  expiresAtIn,
  kind,
  membershipRole,
  name,
  permission,
  userId,
} from '../schemas.ts'

const MAX_ITEMS = 1_000_000
/** A million memberships with long names. */
const BODY_LIMIT_BYTES = 128 * 1024 * 1024
/** A large organisation takes longer than an ordinary request may. */
const DEADLINE_MS = 300_000

const AS_IT_WAS = 'as it was, none for what is new'

const listed = <Item extends z.ZodType>(item: Item) => z.array(item).max(MAX_ITEMS).default([])

const importBody = z.strictObject({
  users: listed(z.strictObject({ id: userId, displayName: displayName.exactOptional() })),
  groups: listed(z.strictObject({ name, parent: name.nullable().exactOptional() })),
  memberships: listed(
    z.strictObject({
      group: name,
      user: userId,
      role: membershipRole.default('member'),
      expiresAt: expiresAtIn(AS_IT_WAS),
    }),
  ),
  resources: listed(
    z.strictObject({ name, kind, description: description.exactOptional(), attributes: attributes.exactOptional() }),
  ),
  grants: listed(z.strictObject({ group: name, resource: name, permission, expiresAt: expiresAtIn(AS_IT_WAS) })),
})

const count = z.object({ total: z.int(), created: z.int(), updated: z.int() }).meta({ id: 'ImportCount' })
const countsOut = z
  .object({ users: count, groups: count, memberships: count, resources: count, grants: count, changed: z.boolean() })
  .meta({ id: 'ImportCounts' })

const importOrganisation = route({
  operationId: 'importOrganisation',
  method: 'post',
  path: '/import',
  summary: 'Create everything in the body or bring it to this state; names refer to each other',
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
  bodyLimitBytes: BODY_LIMIT_BYTES,
  deadlineMs: DEADLINE_MS,
  quota: 'import',
  answers: [{ status: 200, description: 'What there was to do', schema: countsOut, headers: ['Consistency-Token'] }],
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
