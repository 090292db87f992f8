/** Secrets in mounted files instead of the environment. */
import { readFileSync } from 'node:fs'
import { parseDatabaseUrl } from '../postgres/servers.ts'
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
  'DATABASE_PASSWORD',
] as const

/**
 * @returns what is set, an empty value counting as absent, with the secrets that are in files
 * @param problems receives what is wrong with them
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
      given[name] = firstLine(readFileSync(file, 'utf8'))
      if (given[name] === '') problems.push(`${name}_FILE: the file is empty`)
    } catch (error) {
      problems.push(`${name}_FILE: the file cannot be read (${reasonOf(error)}); check the path and its permissions`)
    }
  }
  return given
}

/** During a rotation the file holds two passwords, and the first one counts. */
function firstLine(content: string): string {
  return content.split(/\r?\n/, 1)[0] ?? ''
}

/**
 * Reads a secret again for each new connection, where it is in a file: a rotated password, or a token that a managed
 * service accepts for minutes and a sidecar renews. The file is small and on a mount, so this does not wait for it elsewhere.
 * @returns undefined where it is not in a file
 */
export function secretReader(
  environment: Environment,
  name: (typeof SECRETS)[number],
  partOf: (line: string) => string = (line) => line,
): (() => string) | undefined {
  const file = environment[`${name}_FILE`]
  if (!file) return undefined
  let last = ''
  return () => {
    try {
      const line = firstLine(readFileSync(file, 'utf8'))
      if (line !== '') last = partOf(line)
    } catch {
      // The file is being replaced: the last password may still work. If this threw, the driver would leave a
      // connection open.
    }
    return last
  }
}

/** From a file of its own, or from the one that has the URL. */
export function databasePasswordReader(environment: Environment): (() => Promise<string>) | undefined {
  const passwordOf = (url: string) => decodeURIComponent(new URL(parseDatabaseUrl(url).url).password)
  const read = secretReader(environment, 'DATABASE_PASSWORD') ?? secretReader(environment, 'DATABASE_URL', passwordOf)
  return read && (async () => read())
}
