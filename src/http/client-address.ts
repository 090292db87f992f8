/** One spelling for each address, however a proxy writes it: whatever is counted by address counts the same client. */
import { isIPv4, isIPv6 } from 'node:net'
import type { NextFunction, Request, Response } from 'express'

/**
 * @param written as in `X-Forwarded-For` or `Forwarded`: perhaps with a port, brackets, quotes or a zone
 * @returns the address alone, an IPv4 address that IPv6 carries as IPv4; null if it is not an address
 */
export function plainAddress(written: string): string | null {
  const unquoted = written.trim().replace(/^"(.*)"$/, '$1')
  const withoutPort = /^\[([^\]]*)\](?::\d*)?$/.exec(unquoted)?.[1] ?? /^([\d.]+):\d*$/.exec(unquoted)?.[1] ?? unquoted
  const address = withoutPort.replace(/%.*$/, '')
  if (isIPv4(address)) return address
  if (!isIPv6(address)) return null
  const groups = groupsOf(address)
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff
  return isMapped ? ipv4Of(groups) : address.toLowerCase()
}

/**
 * An IPv6 subscriber has at least a /64, so its addresses count as one; everything that is not an address counts as
 * one, too.
 */
export function networkOf(written = ''): string {
  const address = plainAddress(written)
  if (address === null) return 'unknown'
  if (isIPv4(address)) return address
  return `${groupsOf(address)
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(':')}::/64`
}

/** Eight numbers, of any spelling of an IPv6 address. */
function groupsOf(address: string): number[] {
  const hexadecimal = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...parts: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = parts.slice(0, 4).map(Number)
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
  })
  const [head = '', tail] = hexadecimal.split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? [] : Array<string>(8 - before.length - after.length).fill('0')
  return [...before, ...zeros, ...after].map((group) => Number.parseInt(group, 16))
}

const ipv4Of = (groups: readonly number[]) =>
  groups
    .slice(6)
    .flatMap((group) => [group >> 8, group & 0xff])
    .join('.')

/** Before Express reads it: a proxy that adds ports would not be trusted, and each request of a client would count apart. */
export function plainForwardedFor(req: Request, _res: Response, next: NextFunction): void {
  const forwarded = req.headers['x-forwarded-for']
  if (forwarded !== undefined)
    req.headers['x-forwarded-for'] = String(forwarded)
      .split(',')
      .map((written) => plainAddress(written) ?? written.trim())
      .join(', ')
  next()
}
