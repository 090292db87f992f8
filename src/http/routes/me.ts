/** What callers may ask about themselves. */
import { z } from 'zod'
import { anyUser, anyUserWithRoles } from '../policies.ts'
import { cached } from '../reply.ts'
import { effectiveGroupBody } from '../representations.ts'
import { route } from '../route.ts'
import { effectiveGroupOut, listOf } from '../schemas.ts'

const meOut = z
  .object({ id: z.string(), roles: z.array(z.string()), counts: z.object({ groups: z.int(), resources: z.int() }) })
  .meta({ id: 'Me' })

const me = route({
  operationId: 'getMe',
  method: 'get',
  path: '/me',
  summary: 'Who you are here: id, roles, how many groups and resources',
  tag: 'Me',
  policy: anyUserWithRoles,
  answers: [{ status: 200, description: 'You', schema: meOut, headers: ['Cache-Status'] }],
  async handle({ caller, terms }, { reads }) {
    const { groups, resources, cache } = await reads.counts(caller.id, terms)
    return cached({ id: caller.id, roles: caller.roles, counts: { groups, resources } }, cache)
  },
})

const myGroups = route({
  operationId: 'listMyGroups',
  method: 'get',
  path: '/me/groups',
  summary: 'Your effective groups: your own and all their ancestors',
  tag: 'Me',
  policy: anyUser,
  answers: [{ status: 200, description: 'All of them', schema: listOf(effectiveGroupOut), headers: ['Cache-Status'] }],
  async handle({ caller, terms }, { reads }) {
    const { groups, cache } = await reads.effectiveGroups(caller.id, terms)
    return cached({ data: groups.map(effectiveGroupBody), nextCursor: null }, cache)
  },
})

export const meRoutes = [me, myGroups]
