/**
 * ioredis (6.0.0) expects each reply to have the shape that its command gets. Where garbage is a reply of another shape,
 * reading it throws outside any promise, and the process ends. Here it is what other garbage is: the connection cannot be
 * trusted, so it is dropped and made again. ADR 22.
 */
import DataHandler from 'ioredis/built/DataHandler.js'

interface Rejectable {
  reject(error: Error): void
}

interface Handler {
  readonly redis: { readonly commandQueue: { peekFront(): { readonly command: Rejectable } | undefined } }
  returnFatalError(error: Error): void
  returnReply(reply: unknown): void
  returnError(error: Error): void
  returnPush?(reply: unknown): void
}

/** A module made for `require`: loaders differ in how much of it they unwrap. */
const loaded: { readonly default?: unknown } = DataHandler
const handler = ((loaded.default ?? loaded) as { readonly prototype: Handler }).prototype
let installed = false

/** For all connections of this process, once. */
export function dropConnectionsWithUnreadableReplies(): void {
  if (installed) return
  installed = true
  handler.returnReply = dropping(handler.returnReply)
  handler.returnError = dropping(handler.returnError)
  if (handler.returnPush) handler.returnPush = dropping(handler.returnPush)
}

function dropping<Reply>(read: (this: Handler, reply: Reply) => void) {
  return function (this: Handler, reply: Reply) {
    const next = this.redis.commandQueue.peekFront()
    try {
      read.call(this, reply)
    } catch (error) {
      // Perhaps it has left the queue, so that nothing else would settle it.
      next?.command.reject(error as Error)
      this.returnFatalError(error as Error)
    }
  }
}
