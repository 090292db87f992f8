/** The environment in which the local PostgreSQL and its clients run. */

/**
 * PGSSLMODE and the like are for the person's own databases: a client would ask the local server for TLS, which it does
 * not have.
 */
export function ignoreOthersPostgres(env: NodeJS.ProcessEnv, log: (message: string) => void): void {
  const names = Object.keys(env).filter((name) => /^PG[A-Z]+$/.test(name))
  for (const name of names) delete env[name]
  if (names.length > 0)
    log(
      `${names.join(', ')} in the environment ${names.length === 1 ? 'is' : 'are'} not for the local PostgreSQL: ignored`,
    )
}
