/** May this user do that, and which others may: the OpenID AuthZEN Authorization API 1.0. */
import { z } from 'zod'
import type { AccessDecision, Portcullis, ReadContext, SearchResults } from '../../domain/api.ts'
import type { UserId } from '../../domain/model.ts'
import {
  actionSearch,
  evaluation,
  evaluations,
  type Item,
  itemsOf,
  questionOf,
  resourceOf,
  resourceSearch,
  type Semantic,
  SUBJECT_TYPE,
  subjectSearch,
  userOf,
} from '../authzen/requests.ts'
import { searched, searchPage } from '../authzen/search-page.ts'
import type { Caller } from '../caller.ts'
import { aboutOneself, permitAboutAnybody, permitAboutUsers } from '../policies.ts'
import { invalid } from '../problem.ts'
import { cached, type Reply } from '../reply.ts'
import { type Route, type RouteRequest, route } from '../route.ts'
import { PLAINLY } from '../validation-messages.ts'

const decisionOut = z
  .object({
    decision: z.boolean(),
    context: z
      .looseObject({ until: z.string().meta({ format: 'date-time' }).optional() })
      .optional()
      .meta({
        description:
          '`until`: how long the decision stays what it is at least, if nothing is changed; ask again then. Absent where it does not change by itself. `error`: why it could not be decided',
      }),
  })
  .meta({ id: 'Decision' })
const decisionsOut = z.object({ evaluations: z.array(decisionOut) }).meta({ id: 'Decisions' })

const pageOut = z.object({
  next_token: z.string().meta({ description: 'Empty at the end' }),
  count: z.int(),
})
const found = (entity: z.ZodType) => z.object({ page: pageOut.optional(), results: z.array(entity) })
const entityOut = z.object({ type: z.string(), id: z.string() })
const actionOut = z.object({ name: z.string() })

const COMMON = {
  method: 'post',
  tag: 'Access',
  policy: aboutOneself,
  quota: 'read',
  otherMediaTypes: 'malformed-request',
  refuses: ['forbidden'],
  reads: { 'x-request-id': 'Comes back as it is.' },
} as const
const answered = (description: string, schema: z.ZodType) =>
  [{ status: 200, description, schema, headers: ['Cache-Status'] }] as const

const subject = { type: SUBJECT_TYPE, id: 'alice' }
const resource = { type: 'repository', id: 'api' }
const action = { name: 'read' }

const evaluate = route({
  ...COMMON,
  operationId: 'evaluateAccess',
  path: '/access/v1/evaluation',
  summary: 'May this user do that with this resource?',
  body: evaluation,
  bodyExample: { subject, action, resource },
  answers: answered('Yes or no', decisionOut),
  handle: decideOne,
})

const evaluateMany = route({
  ...COMMON,
  operationId: 'evaluateAccesses',
  path: '/access/v1/evaluations',
  summary: 'The same for up to a thousand questions, all at one state; without `evaluations`, for one',
  body: evaluations,
  bodyExample: { subject, action, evaluations: [{ resource }, { resource: { ...resource, id: 'website' } }] },
  answers: answered('In the order of the questions', z.union([decisionsOut, decisionOut])),
  async handle(request, portcullis) {
    const { body } = request
    if (body.evaluations === undefined || body.evaluations.length === 0) {
      const single = evaluation.safeParse(body, PLAINLY)
      if (!single.success) throw invalid(single.error.issues, 'body')
      return decideOne({ ...request, body: single.data }, portcullis)
    }
    return decideMany(itemsOf(body), body.options?.evaluations_semantic, request, portcullis)
  },
})

const searchSubjects = route({
  ...COMMON,
  operationId: 'searchSubjects',
  path: '/access/v1/search/subject',
  summary: 'Which users may do that with this resource? A page, ordered by id',
  body: subjectSearch,
  bodyExample: { subject: { type: SUBJECT_TYPE }, action, resource },
  answers: answered('Users', found(entityOut)),
  async handle({ body, caller, terms }, portcullis) {
    await permitAboutAnybody(caller, portcullis, terms)
    const question = { action: body.action.name, resource: resourceOf(body.resource) }
    const results =
      body.subject.type === SUBJECT_TYPE
        ? await portcullis.access.users(question, searchPage('subject', caller, body), terms)
        : NOTHING
    return searched(results, body, (id) => ({ type: SUBJECT_TYPE, id }))
  },
})

const searchResources = route({
  ...COMMON,
  operationId: 'searchResources',
  path: '/access/v1/search/resource',
  summary: 'On which resources of this kind may this user do that? A page, ordered by name',
  body: resourceSearch,
  bodyExample: { subject, action, resource: { type: resource.type } },
  answers: answered('Resources', found(entityOut)),
  async handle({ body, caller, terms }, portcullis) {
    const user = await permittedUser(body.subject, caller, portcullis, terms)
    const { kind } = resourceOf({ ...body.resource, id: '' })
    const results =
      user === undefined
        ? NOTHING
        : await portcullis.access.resources(
            { user, action: body.action.name, kind },
            searchPage('resource', caller, body),
            terms,
          )
    return searched(results, body, (id) => ({ type: kind, id }))
  },
})

const searchActions = route({
  ...COMMON,
  operationId: 'searchActions',
  path: '/access/v1/search/action',
  summary: 'What may this user do with this resource?',
  body: actionSearch,
  bodyExample: { subject, resource },
  answers: answered('Actions among those of `AUTHZEN_ACTIONS`, in its order', found(actionOut)),
  async handle({ body, caller, terms }, portcullis) {
    const user = await permittedUser(body.subject, caller, portcullis, terms)
    const results =
      user === undefined
        ? NOTHING
        : await portcullis.access.actions(
            { user, resource: resourceOf(body.resource) },
            searchPage('action', caller, body),
            terms,
          )
    return searched(results, body, (name) => ({ name }))
  },
})

export const accessRoutes: readonly Route[] = [evaluate, evaluateMany, searchSubjects, searchResources, searchActions]

/** For an unknown type of subject. */
const NOTHING: SearchResults<never> = {
  results: [],
  nextToken: null,
  cache: { kind: 'hit', detail: 'no-such-name' },
}

type Asked<Body> = RouteRequest<unknown, unknown, Body>

async function decideOne(
  { body, caller, terms }: Pick<Asked<z.output<typeof evaluation>>, 'body' | 'caller' | 'terms'>,
  portcullis: Portcullis,
): Promise<Reply> {
  const permitted = permitAboutUsers([body.subject], caller, portcullis, terms)
  // Side by side: both ask Redis, in one round trip.
  const [{ decisions, cache }] = await Promise.all([portcullis.access.decisions([questionOf(body)], terms), permitted])
  return cached(answerOf(decisions[0]), cache)
}

async function decideMany(
  items: readonly Item[],
  semantic: Semantic | undefined,
  { caller, terms }: Pick<Asked<unknown>, 'caller' | 'terms'>,
  portcullis: Portcullis,
): Promise<Reply> {
  const subjects = items.flatMap((item) => ('evaluation' in item ? [item.evaluation.subject] : []))
  const permitted = permitAboutUsers(subjects, caller, portcullis, terms)
  const questions = items.map((item) => ('evaluation' in item ? questionOf(item.evaluation) : null))
  const [{ decisions, cache }] = await Promise.all([portcullis.access.decisions(questions, terms), permitted])
  const all = items.map((item, at) =>
    'problem' in item
      ? { decision: false, context: { error: { status: 400, message: item.problem } } }
      : answerOf(decisions[at]),
  )
  return cached({ evaluations: untilDecided(all, semantic) }, cache)
}

function answerOf({ decision, until }: AccessDecision = { decision: false, until: null }) {
  return until === null ? { decision } : { decision, context: { until } }
}

/** The first denial or permission ends the list, if that was asked for. */
function untilDecided<T extends { decision: boolean }>(all: readonly T[], semantic: Semantic = 'execute_all'): T[] {
  if (semantic === 'execute_all') return [...all]
  const last = all.findIndex(({ decision }) => decision === (semantic === 'permit_on_first_permit'))
  return last === -1 ? [...all] : all.slice(0, last + 1)
}

async function permittedUser(
  asked: { readonly type: string; readonly id: string },
  caller: Caller,
  portcullis: Portcullis,
  terms: ReadContext,
): Promise<UserId | undefined> {
  await permitAboutUsers([asked], caller, portcullis, terms)
  return userOf(asked)
}
