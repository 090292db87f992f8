/** Changes: one call, and the consistency token with which a later read sees it. */
import type { Answer } from '../../client/index.ts'
import { facts } from '../table.ts'
import type { Invocation, OptionSpec, Output } from './command.ts'

export const IF_MATCH = {
  'if-match': { value: '<etag>', help: 'only if it is still what `get` showed' },
} satisfies Record<string, OptionSpec>

export const YES = { yes: { help: 'do not ask' } } satisfies Record<string, OptionSpec>

export const ifMatch = (invocation: Invocation): { headers?: { 'if-match': string } } => {
  const etag = invocation.text('if-match')
  return etag === undefined ? {} : { headers: { 'if-match': etag } }
}

/** @param done describes in a few words what happened, from the answer */
export async function change<Data>(
  call: Promise<Answer<Data>>,
  done: (answer: Answer<Data>) => string,
): Promise<Output> {
  const answer = await call
  const { consistencyToken } = answer
  return {
    json: { ...(answer.data as object | null), consistencyToken },
    text: done(answer),
    ...(consistencyToken !== null && { aside: `Consistency-Token: ${consistencyToken}` }),
  }
}

/** Only the status tells whether it existed before. */
export const createdOr = (created: string, otherwise: string) => (answer: Answer<unknown>) =>
  answer.status === 201 ? created : otherwise

/** One thing, with the validator that a later change can present. */
export async function single<Data>(
  { json }: Invocation,
  call: Promise<Answer<Data>>,
  forPeople: (data: Data) => Promise<unknown> = async (data) => data,
): Promise<Output> {
  const { data, etag } = await call
  const text = json ? '' : factsOf(await forPeople(data))
  return { json: data, text, ...(etag !== null && { aside: `ETag: ${etag}` }) }
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
