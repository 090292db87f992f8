/** A TCP proxy that spoils what passes through it; connections under way feel a change of mode at once. */
import { randomBytes } from 'node:crypto'
import net from 'node:net'
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

export interface ProxyOptions {
  readonly port: number
  readonly targetPort: number
  readonly random: Random
  /** Changes what the server says before it reaches the client. */
  readonly rewrite?: (bytes: Buffer) => Buffer
}

const PASS: ProxyMode = { kind: 'pass' }

export async function startProxy({
  port,
  targetPort,
  random,
  rewrite = (bytes) => bytes,
}: ProxyOptions): Promise<TcpProxy> {
  let mode = PASS
  const pairs = new Set<Pair>()

  const server = net.createServer({ noDelay: true }, (client) => {
    const upstream = net.connect({ port: targetPort, host: '127.0.0.1', noDelay: true })
    const pair: Pair = { client, upstream }
    pairs.add(pair)
    client.on('data', (chunk) => upstream.write(chunk))
    upstream.on('data', (chunk) => answer(pair, rewrite(chunk)))
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on('error', () => {})
      one.on('end', () => other.end())
      one.on('close', () => {
        other.destroy()
        clearTimeout(pair.doom)
        pairs.delete(pair)
      })
    }
    adjust(pair)
  })

  function answer({ client }: Pair, bytes: Buffer): void {
    const send = (what: Buffer) => client.writable && client.write(what)
    if (mode.kind === 'slow') setTimeout(send, mode.delayMs, bytes)
    else if (mode.kind === 'garbage' && random.next() < mode.share) send(randomBytes(bytes.length))
    else if (mode.kind === 'shifted' && random.next() < mode.share) return
    else send(bytes)
  }

  function adjust(pair: Pair): void {
    clearTimeout(pair.doom)
    for (const socket of [pair.client, pair.upstream]) mode.kind === 'frozen' ? socket.pause() : socket.resume()
    if (mode.kind === 'reset')
      pair.doom = setTimeout(() => pair.client.resetAndDestroy(), random.next() * mode.withinMs)
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port, host: '127.0.0.1' }, resolve)
  })
  return {
    set(next) {
      mode = next
      for (const pair of pairs) adjust(pair)
    },
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const { client, upstream } of pairs) for (const socket of [client, upstream]) socket.destroy()
      await closed
    },
  }
}

interface Pair {
  readonly client: net.Socket
  readonly upstream: net.Socket
  doom?: NodeJS.Timeout
}

/**
 * Leads who asks a Sentinel to proxies instead of servers: in its answers each server's port becomes its proxy's.
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
