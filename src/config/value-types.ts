/** The types of settings, each with an error that says what is expected. */
import { isIP } from 'node:net'
import { z } from 'zod'
import { PERMISSIONS, type Permission } from '../domain/model.ts'
import { parseDatabaseUrl } from '../postgres/servers.ts'

export const wholeNumber = (bounds: { min: number; max: number }) =>
  z
    .string()
    .regex(/^(0|[1-9]\d{0,11})$/, { error: 'is not a whole number', abort: true })
    .transform(Number)
    .pipe(
      z
        .number()
        .min(bounds.min, { error: `must be at least ${bounds.min}` })
        .max(bounds.max, { error: `must be at most ${bounds.max}` }),
    )

export const durationMs = (bounds: { min: number; max: number } = { min: 1, max: 86_400_000 }) => wholeNumber(bounds)

export const port = wholeNumber({ min: 0, max: 65_535 })

export const onOff = z
  .enum(['on', 'off', 'true', 'false', '1', '0'], { error: 'must be on or off' })
  .transform((value) => value === 'on' || value === 'true' || value === '1')

export const urlOf = (...protocols: string[]) =>
  z.string().refine((value) => URL.canParse(value) && protocols.includes(new URL(value).protocol), {
    error: `must be a URL that starts with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
    abort: true,
  })

/** May name several servers, as libpq's URLs do. */
export const databaseUrl = z.string().superRefine((value, context) => {
  try {
    parseDatabaseUrl(value)
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message })
  }
})

/**
 * An address that Node's `fetch` can be asked for: it refuses some ports (Fetch standard, 2.9) and credentials, and a
 * request that is never made would look like an outage for ever.
 */
export const fetchable = urlOf('https:', 'http:')
  .refine((value) => !BLOCKED_PORTS.has(Number(new URL(value).port || 443)), {
    error: 'names a port that HTTP clients refuse to connect to (Fetch standard, "bad port")',
  })
  .refine((value) => new URL(value).username === '' && new URL(value).password === '', {
    error: 'must not contain a user name or a password: HTTP clients refuse such an address',
  })

const BLOCKED_PORTS = new Set([
  0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109, 110,
  111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532,
  540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061,
  6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
])

export const endpoint = z
  .string()
  .regex(/^(\[[0-9a-f:.]+\]|[^\s:[\]]+):\d{1,5}$/i, {
    error: 'must be a list of host:port, separated by commas',
    abort: true,
  })
  .transform((value) => {
    const colon = value.lastIndexOf(':')
    return { host: value.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(value.slice(colon + 1)) }
  })
  .refine(({ port: number }) => number >= 1 && number <= 65_535, { error: 'has a port outside 1–65535' })

export const list = <Item extends z.ZodType<unknown, string>>(item: Item) =>
  z
    .string()
    .transform((value) =>
      value
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    )
    .pipe(z.array(item).min(1, { error: 'is an empty list' }))

/** Express's own forms: a number of hops, or addresses and subnets; `true` would let any client choose its address. */
export const trustProxy = z
  .string()
  .refine((value) => value !== 'true', {
    error: 'must name hops (1) or subnets (10.0.0.0/8), not true: that trusts every client',
    abort: true,
  })
  .refine((value) => value === 'false' || /^\d{1,2}$/.test(value) || value.split(',').every(isProxy), {
    error:
      'must be false, a number of hops (1), or addresses, subnets (10.0.0.0/8), loopback, linklocal or uniquelocal',
  })
  .transform((value): number | string | false =>
    value === 'false' ? false : /^\d+$/.test(value) ? Number(value) : value,
  )

function isProxy(part: string): boolean {
  const [address = '', bits, ...rest] = part.trim().split('/')
  if (bits === undefined) return isIP(address) !== 0 || ['loopback', 'linklocal', 'uniquelocal'].includes(address)
  return (
    rest.length === 0 &&
    isIP(address) !== 0 &&
    /^\d{1,3}$/.test(bits) &&
    Number(bits) <= (isIP(address) === 4 ? 32 : 128)
  )
}

/** Requests of one subject; 0 means no limit. */
export const perMinute = wholeNumber({ min: 0, max: 1_000_000_000 })

/** As browsers send it. No wildcard, because any page could then use a token that it obtained. */
export const origin = z.string().refine((value) => URL.canParse(value) && new URL(value).origin === value, {
  error: 'must be a list of origins such as https://app.example.com, without a path or a wildcard',
})

/** The permissions, lowest first, and the names that other services use for them. */
export const DEFAULT_ACTIONS: readonly (readonly [string, Permission])[] = [
  ...PERMISSIONS.map((permission) => [permission, permission] as const),
  ['view', 'read'],
  ['edit', 'write'],
  ['delete', 'admin'],
]

const isPermission = (word: string): word is Permission => PERMISSIONS.some((permission) => permission === word)

/** `view=read,edit=write`: each name once, and a permission's own name only for itself. */
export const actionNames = z.string().transform((value, context): ReadonlyMap<string, Permission> => {
  const names = new Map<string, Permission>()
  for (const pair of value.split(',')) {
    const [name = '', permission = '', ...rest] = pair.split('=').map((part) => part.trim())
    const problem =
      name === '' || rest.length > 0 || !isPermission(permission)
        ? `must be a list of name=permission, each permission one of ${PERMISSIONS.join(', ')}`
        : names.has(name)
          ? 'names an action twice'
          : isPermission(name) && name !== permission
            ? 'gives the name of one permission to another'
            : undefined
    if (problem !== undefined) {
      context.addIssue({ code: 'custom', message: problem })
      return z.NEVER
    }
    names.set(name, permission as Permission)
  }
  return names
})

/** An address that paths are appended to. */
export const publicUrl = urlOf('https:', 'http:')
  .refine((value) => !/[?#]/.test(value) && new URL(value).username === '', {
    error: 'must be an address without user name, query and fragment',
  })
  .transform((value) => value.replace(/\/+$/, ''))
