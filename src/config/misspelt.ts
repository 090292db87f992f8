/** Typing errors in the names of variables, which would otherwise go unnoticed. */
import levenshtein from 'leven'
import { SECRETS } from './secret-files.ts'
import { type Environment, variables } from './variables.ts'

/** A name with one of our prefixes that is unknown, but close to a known one: almost certainly a typing error. */
export function misspelt(environment: Environment): string[] {
  const known = [...Object.keys(variables.shape), ...SECRETS.map((name) => `${name}_FILE`)]
  const taken = new Set(known)
  return Object.keys(environment).flatMap((name) => {
    if (taken.has(name) || name.length < 6 || environment[name] === '') return []
    const near = known.find((candidate) => levenshtein(candidate, name) <= (candidate.length >= 8 ? 2 : 1))
    // A variable of another program (REDIS_PORT, for example) is none of our business: only near-identical names are
    // reported.
    return near === undefined ? [] : [`${name} is not a setting: did you mean ${near}?`]
  })
}
