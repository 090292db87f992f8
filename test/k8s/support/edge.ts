/** One direction of the network between two pods: a TCP relay that a partition silences. */
import net from 'node:net'

export interface Edge {
  /** Silence, as of a lost route: connections stay open and carry nothing; new ones hang. */
  cut(): void
  /** The route is back; what was cut is torn down, as a real connection would be by its retransmissions. */
  heal(): void
  close(): Promise<void>
}

/** Relays `listen` to `target` (same port). @throws when the address is taken */
export async function createEdge(input: { listenHost: string; targetHost: string; port: number }): Promise<Edge> {
  const sockets = new Set<net.Socket>()
  let silent = false

  const track = (socket: net.Socket): void => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
  }
  const relay = (from: net.Socket, to: net.Socket): void => {
    from.pipe(to)
    from.on('close', () => to.destroy())
  }
  const server = net.createServer((inbound) => {
    track(inbound)
    if (silent) return
    inbound.setNoDelay(true)
    const outbound = net.connect({ host: input.targetHost, port: input.port, noDelay: true })
    track(outbound)
    relay(inbound, outbound)
    relay(outbound, inbound)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(input.port, input.listenHost, resolve)
  })

  const destroyAll = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    cut() {
      silent = true
      for (const socket of sockets) socket.unpipe().pause()
    },
    heal() {
      silent = false
      destroyAll()
    },
    async close() {
      destroyAll()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
