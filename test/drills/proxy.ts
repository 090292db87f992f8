/** The faults of the drills by name, for the TCP proxy that stages them; connections under way feel a change at once. */
import { randomBytes } from 'node:crypto'
import { type Direction, type Faults, startFaultProxy } from '../support/fault-proxy.ts'
import type { Random } from './random.ts'

export type ProxyMode =
  | { readonly kind: 'pass' }
  /** Answers arrive later. */
  | { readonly kind: 'slow'; readonly delayMs: number }
  /** Some answers are random bytes. */
  | { readonly kind: 'garbage'; readonly share: number }
  /** Some answers get lost, so that each later one seems to belong to another question. */
  | { readonly kind: 'shifted'; readonly share: number }
  /** Connections are reset after a while, old and new ones. */
  | { readonly kind: 'reset'; readonly withinMs: number }
  /** Connections stay and nothing passes. */
  | { readonly kind: 'frozen' }

export interface TcpProxy {
  set(mode: ProxyMode): void
  close(): Promise<void>
}

type Rewrite = (bytes: Buffer) => Buffer

export interface ProxyOptions {
  readonly port: number
  readonly targetPort: number
  readonly random: Random
  /** Changes what the server says before it reaches the client. */
  readonly rewrite?: Rewrite
}

export async function startProxy({ port, targetPort, random, rewrite = same }: ProxyOptions): Promise<TcpProxy> {
  const proxy = await startFaultProxy(targetPort, port)
  const set = (mode: ProxyMode) => proxy.become(faultsOf(mode, random, rewrite))
  set({ kind: 'pass' })
  return { set, close: proxy.close }
}

const same: Rewrite = (bytes) => bytes

function faultsOf(mode: ProxyMode, random: Random, rewrite: Rewrite): Faults {
  const answers = (more: Direction): Faults => ({ down: { replaceWith: rewrite, ...more } })
  switch (mode.kind) {
    case 'pass':
      return answers({})
    case 'slow':
      return answers({ latencyMs: mode.delayMs })
    case 'garbage':
      return answers({
        replaceWith: (bytes) => (random.next() < mode.share ? randomBytes(bytes.length) : rewrite(bytes)),
      })
    case 'shifted':
      return answers({ replaceWith: (bytes) => (random.next() < mode.share ? null : rewrite(bytes)) })
    case 'reset':
      return { ...answers({}), resetAfterMs: () => random.next() * mode.withinMs }
    case 'frozen':
      return { ...answers({}), held: true }
    default:
      return mode satisfies never
  }
}

/**
 * Leads clients that ask a Sentinel to proxies instead of servers: in its answers each server's port becomes its proxy's.
 * Both have the same number of digits, so the lengths in the protocol stay true.
 */
export function portRewriter(proxyOf: ReadonlyMap<number, number>): (bytes: Buffer) => Buffer {
  for (const [port, proxy] of proxyOf)
    if (String(port).length !== String(proxy).length) throw new RangeError(`${port} and ${proxy} differ in length`)
  const ports = new RegExp(`(?<![0-9a-f])(${[...proxyOf.keys()].join('|')})(?![0-9a-f])`, 'g')
  return (bytes) => {
    const text = bytes.toString('latin1')
    const changed = text.replace(ports, (port) => String(proxyOf.get(Number(port))))
    return changed === text ? bytes : Buffer.from(changed, 'latin1')
  }
}
