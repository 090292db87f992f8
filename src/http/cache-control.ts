/** What a request's Cache-Control asks of the cache (RFC 9111, 5.2.1). */

/** The TTL of the entries that answers come from (a user's groups and list), in seconds. */
const OLDEST_ENTRY_S = 900

/**
 * Whether an answer from the cache may not be acceptable: `no-cache`, `no-store`, or a `max-age` that an entry may exceed.
 * A value that cannot be read counts as 0, as for any cache.
 */
export function refusesCachedAnswer(cacheControl: string): boolean {
  return directivesOf(cacheControl).some(
    ([name, value]) =>
      name === 'no-cache' || name === 'no-store' || (name === 'max-age' && secondsOf(value) < OLDEST_ENTRY_S),
  )
}

/** Names and values; text in quotes is a value, whatever it looks like. */
function directivesOf(cacheControl: string): [string, string][] {
  return cacheControl
    .replace(/"((?:[^"\\]|\\.)*)"?/g, (_, quoted: string) => (/^\d+$/.test(quoted) ? quoted : ''))
    .split(',')
    .map((directive) => {
      const [name = '', value = ''] = directive.split('=', 2)
      return [name.trim().toLowerCase(), value.trim()]
    })
}

const secondsOf = (value: string) => (/^\d+$/.test(value) ? Number(value) : 0)
