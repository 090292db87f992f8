/** Changes: one call, and the consistency token with which a later read sees it. */
import type { ApiAnswer, ApiCall } from '../api-client.ts'
import { facts } from '../table.ts'
import type { Invocation, OptionSpec, Output } from './command.ts'

export const IF_MATCH = {
  'if-match': { value: '<etag>', help: 'only if it is still what `get` showed' },
} satisfies Record<string, OptionSpec>

export const YES = { yes: { help: 'do not ask' } } satisfies Record<string, OptionSpec>

export const ifMatch = (invocation: Invocation): { headers?: Record<string, string> } => {
  const etag = invocation.text('if-match')
  return etag === undefined ? {} : { headers: { 'if-match': etag } }
}

/** @param done tells from the answer what happened, in a few words */
export async function change({ api }: Invocation, call: ApiCall, done: (answer: ApiAnswer) => string): Promise<Output> {
  const answer = await api.call(call)
  const consistencyToken = answer.headers.get('consistency-token')
  return {
    json: { ...(answer.body as object | null), consistencyToken },
    text: done(answer),
    ...(consistencyToken !== null && { aside: `Consistency-Token: ${consistencyToken}` }),
  }
}

/** Whether something was there before shows in the status alone. */
export const createdOr = (created: string, otherwise: string) => (answer: ApiAnswer) =>
  answer.status === 201 ? created : otherwise

/** One thing, with the validator that a later change can present. */
export async function single(
  { api, json }: Invocation,
  path: string,
  forPeople: (body: unknown) => Promise<unknown> = async (body) => body,
): Promise<Output> {
  const { body, headers } = await api.call({ method: 'GET', path })
  const etag = headers.get('etag')
  const text = json ? '' : factsOf(await forPeople(body))
  return { json: body, text, ...(etag !== null && { aside: `ETag: ${etag}` }) }
}

/** Any JSON as names and values, nested ones by their path. */
export function factsOf(value: unknown): string {
  const pairs = flat('', value)
  return pairs.length === 0 ? 'nothing' : facts(pairs)
}

function flat(path: string, value: unknown): [string, string | number | boolean | null][] {
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return [[path, value]]
  if (typeof value !== 'object') return [[path, String(value)]]
  if (Array.isArray(value) && value.every((each) => each === null || typeof each !== 'object'))
    return [[path, value.length === 0 ? '-' : value.join(', ')]]
  return Object.entries(value).flatMap(([key, inner]) => flat(path === '' ? key : `${path}.${key}`, inner))
}
