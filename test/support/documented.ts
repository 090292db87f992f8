/** Judges answers by what the API documents: a known status, and a body with exactly the members it names. */
import { expect } from 'vitest'
import { z } from 'zod'
import { apiRoutes } from '../../src/http/routes/index.ts'
import type { Answer, Sent } from './served.ts'

const problem = z.strictObject({
  type: z.string().regex(/^urn:portcullis:problem:[a-z-]+$/),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  errors: z
    .array(z.strictObject({ detail: z.string(), pointer: z.string().optional(), parameter: z.string().optional() }))
    .optional(),
})

const patterns = apiRoutes.map((route) => ({
  route,
  pattern: new RegExp(`^${route.path.replace(/:\w+/g, '[^/]+')}$`),
}))

/** @returns the answer, for chaining; fails the test when it is not documented */
export function documented(sent: Sent, answer: Answer): Answer {
  const method = (sent.method ?? 'GET').toLowerCase()
  const path = sent.path.split('?', 1)[0] ?? ''
  const found = patterns.find(({ route, pattern }) => route.method === method && pattern.test(path))
  const what = `${method} ${path} ${answer.status}`
  if (found === undefined) return answer
  if (answer.status >= 400) {
    expect(answer.headers['content-type'], what).toBe('application/problem+json; charset=utf-8')
    expect(problem.parse(JSON.parse(answer.text)).status, what).toBe(answer.status)
    return answer
  }
  if (answer.status === 304) {
    expect(answer.text, what).toBe('')
    return answer
  }
  const promised = found.route.answers.find(({ status }) => status === answer.status)
  expect(promised, `${what} is not documented`).toBeDefined()
  for (const header of promised?.headers ?? [])
    if (header !== 'Link') expect(answer.headers, what).toHaveProperty([header.toLowerCase()])
  const body = answer.text === '' ? undefined : JSON.parse(answer.text)
  // Parsing drops members that are not documented, so equality means that there are none.
  expect(promised?.schema?.parse(body), what).toEqual(body)
  return answer
}
