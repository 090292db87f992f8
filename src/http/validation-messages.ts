/** Messages for values of the wrong type, in the words of the people who have to correct them. */
import type { z } from 'zod'

const EXPECTED: Readonly<Record<string, string>> = {
  string: 'must be a string',
  number: 'must be a number',
  int: 'must be a whole number',
  boolean: 'must be true or false',
  array: 'must be a list',
  object: 'must be an object',
}

/** For what the schemas say nothing about themselves. */
export const PLAINLY: z.core.ParseContext<z.core.$ZodIssue> = {
  error(issue) {
    if (issue.code !== 'invalid_type') return undefined
    return issue.input === undefined ? 'is required' : EXPECTED[issue.expected]
  },
}
