/** Slips in the names of variables, which would otherwise be silent. */
import levenshtein from 'leven'
import { SECRETS } from './secret-files.ts'
import { type Environment, variables } from './variables.ts'

/** Ours by prefix but unknown, and close to a name that exists: almost certainly a slip, and silent otherwise. */
export function misspelt(environment: Environment): string[] {
  const known = [...Object.keys(variables.shape), ...SECRETS.map((name) => `${name}_FILE`)]
  const taken = new Set(known)
  return Object.keys(environment).flatMap((name) => {
    if (taken.has(name) || name.length < 6 || environment[name] === '') return []
    const near = known.find((candidate) => levenshtein(candidate, name) <= (candidate.length >= 8 ? 2 : 1))
    // A correct neighbour (REDIS_PORT set by something else beside ours) is not ours to judge: only near-identical names are.
    return near === undefined ? [] : [`${name} is not a setting: did you mean ${near}?`]
  })
}
