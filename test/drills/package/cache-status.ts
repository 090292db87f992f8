/** What happened to the request in progress, as the header that readers of the drill look at. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { Server, type ServerResponse } from 'node:http'

const answering = new AsyncLocalStorage<ServerResponse>()

const emit = Server.prototype.emit as (this: Server, event: string | symbol, ...args: unknown[]) => boolean
Server.prototype.emit = function emitWithin(this: Server, event: string | symbol, ...args: unknown[]) {
  const within = () => emit.call(this, event, ...args)
  return event === 'request' ? answering.run(args[1] as ServerResponse, within) : within()
}

/** The first word about a request that tells of a fault stays. */
export function say(status: string): void {
  const response = answering.getStore()
  if (!response || response.headersSent) return
  if (!String(response.getHeader('Cache-Status') ?? '').includes('detail=')) response.setHeader('Cache-Status', status)
}
