/** A TCP proxy whose faults are switched while connections are open: what networks and sick peers do to a client. */
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

export interface Direction {
  /** Milliseconds that each chunk is held back; order is kept. */
  readonly latencyMs?: number
  /** Bytes per second; what is above it waits. */
  readonly bytesPerSecond?: number
  /** Swallows everything and answers nothing: a partition, a peer without power. */
  readonly blackhole?: true
  /** What is sent in place of each chunk: another protocol, or garbage; null where this one gets lost. */
  readonly replaceWith?: (chunk: Buffer) => Buffer | null
}

export interface Faults {
  /** From the client to the server. */
  readonly up?: Direction
  /** From the server to the client. */
  readonly down?: Direction
  /** New connections are accepted and never served. */
  readonly halfOpen?: true
  /** New connections are reset at once. */
  readonly refuse?: true
  /** Nothing passes, and what is said meanwhile is delivered afterwards: a stall, not a loss. */
  readonly held?: true
  /** Each connection, open or new, is reset after this many milliseconds; the function is called for each of them. */
  readonly resetAfterMs?: () => number
}

export interface FaultProxy {
  readonly port: number
  /** Faults from now on, for open connections too; `{}` is none. What was swallowed stays lost. */
  become(faults: Faults): void
  /** Resets all open connections (RST, not FIN). */
  reset(): void
  /** Directs new connections elsewhere, as when a name gets another address. */
  lead(port: number): void
  /** Counts since the start, so that a test can prove that its fault occurred. */
  readonly counts: {
    readonly connections: number
    readonly unserved: number
    readonly swallowed: number
    readonly replaced: number
    readonly delayed: number
  }
  close(): Promise<void>
}

const after = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** In front of 127.0.0.1:`targetPort`, on a port of its own unless one is given. */
export async function startFaultProxy(targetPort: number, port = 0): Promise<FaultProxy> {
  let faults: Faults = {}
  let target = targetPort
  const counts = { connections: 0, unserved: 0, swallowed: 0, replaced: 0, delayed: 0 }
  const open = new Set<Socket>()
  const pairs = new Set<Pair>()

  function keep(socket: Socket): Socket {
    open.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => open.delete(socket))
    return socket
  }

  /** As long as `bytes` take at the present rate; a line that gets wide again lets them through. */
  async function throughNarrowLine(bytes: number, way: 'up' | 'down'): Promise<void> {
    for (let left = bytes; left > 0; ) {
      const rate = faults[way]?.bytesPerSecond
      if (!rate) return
      const stepMs = Math.min(20, (left / rate) * 1000)
      await after(stepMs)
      left -= (rate * stepMs) / 1000
    }
  }

  function pump(from: Socket, to: Socket, way: 'up' | 'down'): void {
    let queue = Promise.resolve()
    let waiting = 0
    from.on('data', (chunk: Buffer) => {
      const fault = faults[way] ?? {}
      if (fault.blackhole) {
        counts.swallowed++
        return
      }
      const bytes = fault.replaceWith ? fault.replaceWith(chunk) : chunk
      if (bytes === null) counts.swallowed++
      else if (bytes !== chunk) counts.replaced++
      if (bytes === null) return
      if (!fault.latencyMs && !fault.bytesPerSecond && waiting === 0) {
        to.write(bytes)
        return
      }
      counts.delayed++
      waiting++
      // Latency is counted from arrival and runs side by side; bandwidth is used up one chunk after another.
      const arrival = after(fault.latencyMs ?? 0)
      queue = queue.then(async () => {
        await arrival
        await throughNarrowLine(bytes.length, way)
        if (!to.destroyed) to.write(bytes)
        waiting--
      })
    })
    // A blackhole passes no FIN either; the other side learns nothing.
    from.once('end', () => void queue.then(() => !faults[way]?.blackhole && to.end()))
    from.once('close', () => void queue.then(() => !faults[way]?.blackhole && to.destroy()))
  }

  function applyTo(pair: Pair): void {
    clearTimeout(pair.doom)
    for (const socket of [pair.client, pair.upstream]) faults.held ? socket.pause() : socket.resume()
    if (faults.resetAfterMs) pair.doom = setTimeout(() => pair.client.resetAndDestroy(), faults.resetAfterMs())
  }

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    counts.connections++
    keep(client)
    if (faults.refuse) return void client.resetAndDestroy()
    if (faults.halfOpen) {
      counts.unserved++
      return void client.resume()
    }
    const upstream = keep(connect({ port: target, host: '127.0.0.1', noDelay: true, allowHalfOpen: true }))
    upstream.once('error', () => client.resetAndDestroy())
    pump(client, upstream, 'up')
    pump(upstream, client, 'down')
    const pair: Pair = { client, upstream }
    pairs.add(pair)
    client.once('close', () => {
      clearTimeout(pair.doom)
      pairs.delete(pair)
    })
    applyTo(pair)
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')

  return {
    port: address.port,
    counts,
    become(next) {
      faults = next
      for (const pair of pairs) applyTo(pair)
    },
    reset() {
      for (const socket of open) socket.resetAndDestroy()
    },
    lead(port) {
      target = port
    },
    async close() {
      for (const socket of open) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

interface Pair {
  readonly client: Socket
  readonly upstream: Socket
  doom?: NodeJS.Timeout
}
