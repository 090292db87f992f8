/**
 * The servers that a URL names, as libpq reads it: `postgresql://user@one:5432,two:5432/name?target_session_attrs=primary`.
 * The driver knows neither several hosts nor the attribute.
 */

export interface Server {
  readonly host: string
  readonly port: number
}

export interface DatabaseUrl {
  /** With the first server alone and without the attribute: a URL as the driver reads it. */
  readonly url: string
  readonly servers: readonly Server[]
  /** `read-write` also rules out a server whose sessions are read-only by default. */
  readonly attributes: 'primary' | 'read-write'
}

/** The message says what is wrong and repeats no part of the URL, which holds a password. */
export class DatabaseUrlError extends Error {
  readonly code = 'database-url-invalid'
}

const URL_PARTS = /^(postgres(?:ql)?:\/\/)((?:[^/?#]*@)?)([^@/?#]*)([/?#].*)?$/i
const HOST = /^(\[[0-9a-f:.]+\]|[^\s:[\]]*)(?::(\d{1,5}))?$/i
const DEFAULT_PORT = 5432

/** @throws DatabaseUrlError */
export function parseDatabaseUrl(text: string): DatabaseUrl {
  const [, scheme, account = '', hosts = '', rest = ''] = URL_PARTS.exec(text) ?? []
  if (!scheme) throw new DatabaseUrlError('must be a URL that starts with postgresql:// or postgres://')
  const given = hosts.split(',')
  const servers = given.map((host) => serverOf(host, given.length > 1))
  const unrouted = `${scheme}${account}${given[0]}${rest}`
  if (!URL.canParse(unrouted)) throw new DatabaseUrlError('must be a URL that starts with postgresql:// or postgres://')
  const { searchParams } = new URL(unrouted)
  for (const name of ['host', 'port'])
    if (searchParams.get(name)?.includes(','))
      throw new DatabaseUrlError(`must name several servers as host:port,host:port before the path, not as ?${name}=`)
  const attributes = attributesOf(searchParams.get('target_session_attrs'))
  return { url: without(unrouted, 'target_session_attrs'), servers, attributes }
}

function serverOf(text: string, among: boolean): Server {
  const [, host, port = `${DEFAULT_PORT}`] = HOST.exec(text) ?? []
  if (host === undefined || (among && host === ''))
    throw new DatabaseUrlError('must list its servers as host:port,host:port; one of them has another form')
  if (Number(port) < 1 || Number(port) > 65_535) throw new DatabaseUrlError('has a port outside 1–65535')
  return { host: decodeURIComponent(host.replace(/^\[|\]$/g, '')), port: Number(port) }
}

function attributesOf(value: string | null): DatabaseUrl['attributes'] {
  if (value === null || value === 'primary') return 'primary'
  if (value === 'read-write') return value
  throw new DatabaseUrlError(
    'has a target_session_attrs other than primary and read-write: the service writes, and never reads from a standby',
  )
}

/** Not by `URL`: it would rewrite the rest, and put the password into another form. */
function without(url: string, name: string): string {
  const [before, query] = url.split('?', 2) as [string, string | undefined]
  if (query === undefined) return url
  const kept = query.split('&').filter((pair) => !pair.startsWith(`${name}=`))
  return kept.length === 0 ? before : `${before}?${kept.join('&')}`
}
