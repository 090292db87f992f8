/** Secrets that are mounted as files instead of being set in the environment. */
import { readFileSync } from 'node:fs'
import { reasonOf } from './reason.ts'
import { type Environment, variables } from './variables.ts'

/** May be given as `NAME_FILE`, the path of a file that holds the value (a mounted secret). */
export const SECRETS = [
  'REDIS_USERNAME',
  'REDIS_PASSWORD',
  'SENTINEL_USERNAME',
  'SENTINEL_PASSWORD',
  'CURSOR_SECRET',
  'DATABASE_URL',
] as const

/**
 * @returns what is set, an empty value counting as absent, with the secrets that are in files
 * @param problems where what is wrong with them is added
 */
export function withSecretFiles(environment: Environment, problems: string[]): Record<string, string> {
  const given: Record<string, string> = {}
  for (const name of Object.keys(variables.shape)) {
    const value = environment[name]
    if (value !== undefined && value !== '') given[name] = value
  }
  for (const name of SECRETS) {
    const file = environment[`${name}_FILE`]
    if (file === undefined || file === '') continue
    if (given[name] !== undefined) problems.push(`${name} and ${name}_FILE are both set: keep one of them`)
    try {
      // The first line: while a password rotates its file holds two, and the first is the one to use.
      given[name] = readFileSync(file, 'utf8').split(/\r?\n/, 1)[0] ?? ''
      if (given[name] === '') problems.push(`${name}_FILE: the file is empty`)
    } catch (error) {
      problems.push(`${name}_FILE: the file cannot be read (${reasonOf(error)}); check the path and its permissions`)
    }
  }
  return given
}
