/**
 * The requests of the OpenID AuthZEN Authorization API 1.0 (final, 11 January 2026): required members must have the
 * right type, and unknown members are ignored.
 */
import { z } from 'zod'
import type { AccessQuestion, ResourceName } from '../../domain/api.ts'
import type { UserId } from '../../domain/model.ts'
import { isUserId } from '../text.ts'
import { PLAINLY } from '../validation-messages.ts'

const EVALUATIONS_MAX = 1000

const properties = z
  .looseObject({})
  .exactOptional()
  .meta({ description: 'Accepted and not looked at: decisions come from groups and grants alone' })
const type = z.string()
const id = z.string()

const subject = z.looseObject({ type: type.meta({ examples: ['user'] }), id, properties })
const resource = z.looseObject({
  type: type.meta({ description: "The resource's kind" }),
  id: id.meta({ description: "The resource's name" }),
  properties,
})
const action = z.looseObject({
  name: z.string().meta({ description: 'A permission, or what `AUTHZEN_ACTIONS` calls one', examples: ['read'] }),
  properties,
})
const context = z.looseObject({}).exactOptional()
/** Its id is ignored where the search is for such things. */
const anyOf = z.looseObject({ type, properties })

export const evaluation = z.looseObject({ subject, action, resource, context })
type Evaluation = z.output<typeof evaluation>

const SEMANTICS = ['execute_all', 'deny_on_first_deny', 'permit_on_first_permit'] as const
export type Semantic = (typeof SEMANTICS)[number]

const options = z.looseObject({
  evaluations_semantic: z.enum(SEMANTICS, { error: `must be one of ${SEMANTICS.join(', ')}` }).exactOptional(),
})

/** Defaults may lack what each evaluation brings itself. */
const evaluationDefaults = {
  subject: subject.partial().exactOptional(),
  action: action.partial().exactOptional(),
  resource: resource.partial().exactOptional(),
  context,
}

const several = z
  .array(z.looseObject({}))
  .max(EVALUATIONS_MAX, { error: `must be at most ${EVALUATIONS_MAX} evaluations` })

/** Without evaluations, or with an empty list, it is a single evaluation, which the handler checks. */
export const evaluations = z
  .looseObject({
    ...evaluationDefaults,
    evaluations: several.exactOptional(),
    options: options.exactOptional(),
  })
  .meta({ override: documentedAsEither })

function documentedAsEither({ jsonSchema }: { jsonSchema: Record<string, unknown> }): void {
  for (const key of Object.keys(jsonSchema)) delete jsonSchema[key]
  const either = [
    z.looseObject({ ...evaluationDefaults, evaluations: several.min(1), options: options.exactOptional() }),
    evaluation.extend({ evaluations: several.max(0).exactOptional(), options: options.exactOptional() }),
  ]
  jsonSchema.anyOf = either.map((schema) => {
    const { $schema: _, ...documented } = z.toJSONSchema(schema, { io: 'input' })
    return documented
  })
}

const page = z
  .looseObject({
    token: z.string().exactOptional().meta({ description: 'The `next_token` of the page before' }),
    limit: z.int().nonnegative().exactOptional().meta({ description: 'Results on a page; 200 at most' }),
    properties: z.looseObject({}).exactOptional(),
  })
  .exactOptional()

export const subjectSearch = z.looseObject({ subject: anyOf, action, resource, context, page })
export const resourceSearch = z.looseObject({ subject, action, resource: anyOf, context, page })
export const actionSearch = z.looseObject({ subject, resource, context, page })

/** The only type of subject. */
export const SUBJECT_TYPE = 'user'

type Subject = z.output<typeof subject>

/** Undefined for a subject that cannot exist here. */
export function userOf(asked: Pick<Subject, 'type' | 'id'>): UserId | undefined {
  return asked.type === SUBJECT_TYPE && isUserId(asked.id) ? (asked.id as UserId) : undefined
}

/** Kinds and names are kept in NFC. */
export function resourceOf(asked: Pick<Subject, 'type' | 'id'>): ResourceName {
  return { kind: asked.type.normalize('NFC'), name: asked.id.normalize('NFC') }
}

export function questionOf(asked: Evaluation): AccessQuestion | null {
  const user = userOf(asked.subject)
  return user === undefined ? null : { user, action: asked.action.name, resource: resourceOf(asked.resource) }
}

/** One of several evaluations, completed by the defaults, or the reason why it cannot be decided. */
export type Item = { readonly evaluation: Evaluation } | { readonly problem: string }

const ENTITIES = ['subject', 'action', 'resource'] as const
/** What an entity takes from its default where it lacks it; the rest of an entity replaces the default as a whole. */
const IDENTIFIERS = ['type', 'id', 'name'] as const

export function itemsOf(batch: z.output<typeof evaluations>): Item[] {
  return (batch.evaluations ?? []).map((given) => {
    const completed = { context: batch.context ?? {}, ...given, ...entitiesOf(given, batch) }
    const result = evaluation.safeParse(completed, PLAINLY)
    if (result.success) return { evaluation: result.data }
    const [issue] = result.error.issues
    return { problem: `${issue?.path.join('.')} ${issue?.message}` }
  })
}

function entitiesOf(given: Readonly<Record<string, unknown>>, defaults: z.output<typeof evaluations>) {
  return Object.fromEntries(ENTITIES.map((entity) => [entity, completed(given[entity], defaults[entity])]))
}

function completed(given: unknown, fallback: Readonly<Record<string, unknown>> | undefined): unknown {
  if (given === undefined || fallback === undefined) return given ?? fallback
  if (given === null || typeof given !== 'object' || Array.isArray(given)) return given
  const identifiers = IDENTIFIERS.flatMap((name) => (fallback[name] === undefined ? [] : [[name, fallback[name]]]))
  return { ...Object.fromEntries(identifiers), ...given }
}
