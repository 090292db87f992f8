/** The members of a group, and their roles. */
import { z } from 'zod'
import { DomainError } from '../../domain/errors.ts'
import type { GroupId } from '../../domain/model.ts'
import { existenceToMatch, LIST_CONDITIONS, listTag, PUT_CONDITIONS, statesToMatch } from '../entity-tags.ts'
import { maintainerOfGroupOrAdmin } from '../policies.ts'
import { mutated, mutatedToNothing, page } from '../reply.ts'
import { membershipBody } from '../representations.ts'
import { route } from '../route.ts'
import {
  expiresAtIn,
  membershipOut,
  membershipRole,
  pageOf,
  pageQuery,
  pathRefTo,
  pathUserId,
  replacedOut,
  userId,
  wholeList,
} from '../schemas.ts'

const groupParams = z.object({ id: pathRefTo<GroupId>('group') })
const memberParams = groupParams.extend({ userId: pathUserId })
const role = membershipRole.exactOptional().meta({ description: 'Absent: unchanged, or `member` for a new member' })

const AS_IT_WAS = 'as it was, none for a newcomer'

const listMembers = route({
  operationId: 'listMembers',
  method: 'get',
  path: '/groups/:id/members',
  summary: 'The direct members of a group',
  tag: 'Members',
  policy: maintainerOfGroupOrAdmin,
  params: groupParams,
  query: z.strictObject(pageQuery),
  answers: [
    {
      status: 200,
      description: 'A page, ordered by user id',
      schema: pageOf(membershipOut),
      headers: ['Link', 'ETag'],
    },
  ],
  refuses: ['not-found'],
  async handle({ params: { id }, query, caller }, { reads }) {
    const members = await reads.membersOf(id, { ...query, reader: caller.id })
    if (members === null) throw new DomainError('not-found', 'no such group')
    const etag = members.state && listTag(caller.id, 'members', members.state)
    return page(members, membershipBody, etag)
  },
})

const putMember = route({
  operationId: 'putMember',
  method: 'put',
  path: '/groups/:id/members/:userId',
  summary: 'Make a user a member of a group, or change role and end; without a role, the role is kept',
  tag: 'Members',
  policy: maintainerOfGroupOrAdmin,
  params: memberParams,
  body: z.strictObject({ role, expiresAt: expiresAtIn(AS_IT_WAS) }),
  bodyOptional: true,
  bodyExample: { role: 'member', expiresAt: '2099-01-31T12:00:00Z' },
  answers: [
    { status: 200, description: 'As it is now', schema: membershipOut, headers: ['Consistency-Token'] },
    { status: 201, description: 'Added', schema: membershipOut, headers: ['Consistency-Token'] },
  ],
  reads: PUT_CONDITIONS,
  refuses: ['not-found', 'unknown-user', 'version-mismatch', 'end-in-the-past'],
  async handle({ params: { id, userId }, body, mutation, http }, { mutations }) {
    const input = { group: id, userId, ...body, ...existenceToMatch(http.headers) }
    const outcome = await mutations.addUserToGroup(input, mutation())
    return mutated(outcome, membershipBody(outcome.value.membership), { status: outcome.value.created ? 201 : 200 })
  },
})

const replaceMembers = route({
  operationId: 'replaceMembers',
  method: 'put',
  path: '/groups/:id/members',
  summary: 'Make exactly these users the direct members of a group, or change nothing',
  tag: 'Members',
  policy: maintainerOfGroupOrAdmin,
  params: groupParams,
  body: z.strictObject({
    members: wholeList(z.strictObject({ user: userId, role, expiresAt: expiresAtIn(AS_IT_WAS) })),
  }),
  bodyExample: {
    members: [
      { user: 'alice', role: 'maintainer' },
      { user: 'bob', expiresAt: '2099-01-31T12:00:00Z' },
    ],
  },
  answers: [{ status: 200, description: 'What that changed', schema: replacedOut, headers: ['Consistency-Token'] }],
  reads: LIST_CONDITIONS,
  refuses: ['not-found', 'unknown-user', 'version-mismatch', 'precondition-required', 'end-in-the-past'],
  async handle({ params: { id }, body, caller, mutation, http }, { mutations }) {
    const members = body.members.map(({ user, ...given }) => ({ userId: user, ...given }))
    const condition = statesToMatch(http.headers, caller.id, 'members')
    const outcome = await mutations.replaceMembers({ group: id, members, ...condition }, mutation())
    return mutated(outcome, outcome.value)
  },
})

const removeMember = route({
  operationId: 'removeMember',
  method: 'delete',
  path: '/groups/:id/members/:userId',
  summary: 'Take a user out of a group',
  tag: 'Members',
  policy: maintainerOfGroupOrAdmin,
  params: memberParams,
  answers: [{ status: 204, description: 'Gone', headers: ['Consistency-Token'] }],
  refuses: ['not-found'],
  handle: async ({ params: { id, userId }, mutation }, { mutations }) =>
    mutatedToNothing(await mutations.removeUserFromGroup({ group: id, userId }, mutation())),
})

export const memberRoutes = [listMembers, replaceMembers, putMember, removeMember]
