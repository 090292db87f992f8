/** One way to connect, for the pool and for the connection that follows the log. */
import type pg from 'pg'
import { parseIntoClientConfig } from 'pg-connection-string'
import { applying, type Limits, type Pooler } from './connection-settings.ts'
import { standbyError } from './failures.ts'
import { createPrimary, type Primary } from './primary.ts'
import { RoutedClient, type RoutedConfig } from './routed-client.ts'
import { parseDatabaseUrl } from './servers.ts'
import type { StatementNames } from './statement-names.ts'

export interface ConnectionOptions extends Limits {
  /** May name several servers. */
  readonly url: string
  /** Of them; where absent, these connections look for it by themselves. */
  readonly primary?: Primary | undefined
  /** What stands in between; default: nothing. */
  readonly pooler?: Pooler
  /** Of the statements of a process, so that what one connection finds out holds for all. */
  readonly names?: StatementNames
  /** Asked for each new connection, so that a password which changes is the current one; default: the one in the URL. */
  readonly password?: (() => Promise<string>) | undefined
}

/** How long to wait for a new connection, in milliseconds. */
const CONNECT_TIMEOUT_MS = 1000
/** Sooner than address translators forget an idle connection, in milliseconds. */
const KEEP_ALIVE_MS = 30_000
/** A server that does not even end the statement (stopped, unreachable) is given up this much later. */
export const CLIENT_MARGIN_MS = 250

export function clientConfig(options: ConnectionOptions): RoutedConfig {
  const { url, password, statementTimeoutMs, primary = primaryOf(options) } = options
  return {
    ...parseIntoClientConfig(parseDatabaseUrl(url).url),
    ...(password && { password }),
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: statementTimeoutMs + CLIENT_MARGIN_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
    application_name: 'portcullis',
    ...(primary && { primary }),
  }
}

/** Shared by all connections of a process: what one finds out the others need not. Undefined where there is nothing to choose. */
export function primaryOf({ url, password }: Pick<ConnectionOptions, 'url' | 'password'>): Primary | undefined {
  const { url: first, ...routing } = parseDatabaseUrl(url)
  if (routing.servers.length === 1 && routing.attributes === 'primary') return undefined
  return createPrimary(routing, { ...parseIntoClientConfig(first), ...(password && { password }) })
}

/**
 * A standby answers too, but with what it has replayed so far: a permission revoked on the primary would still be there,
 * in an answer that no stamp vouches for.
 */
export async function prepareConnection(
  client: pg.ClientBase,
  { pooler = 'none', ...limits }: ConnectionOptions,
): Promise<void> {
  const { rows } = await client.query<{ standby: boolean }>(applying(limits, pooler))
  if (!rows[0]?.standby) return
  if (client instanceof RoutedClient) client.leaveServer()
  throw standbyError()
}
