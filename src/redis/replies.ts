/**
 * Checks which replies may be used: those that can be parsed, and that answer their request. Any other reply says that
 * the connection cannot be trusted, so it is dropped and made again.
 */
import DataHandler from 'ioredis/built/DataHandler.js'
import { GarbledReplyError } from './failure.ts'
import type { ScriptedPipeline } from './scripts.ts'

/**
 * A reply begins with the number that its request carried. Replies are matched to requests by order alone, so
 * a connection that is off by one answers with another user's permissions (a client library that cancelled requests has
 * mixed up users' data that way). A reply with another number is therefore discarded.
 */
export type Echoed<Rest extends readonly unknown[]> = readonly [echo: number, ...rest: Rest]

const LARGEST_ECHO = 2 ** 31
let lastEcho = 0

/** A number that no other request in flight carries. */
export function nextEcho(): number {
  lastEcho = (lastEcho + 1) % LARGEST_ECHO
  return lastEcho
}

/**
 * Sends one script with an echo.
 * @throws GarbledReplyError when the reply is not the one to this request
 */
export async function echoed<Reply extends readonly unknown[]>(send: (echo: number) => Promise<Reply>): Promise<Reply> {
  const echo = nextEcho()
  return verified(await send(echo), echo)
}

function verified<Reply extends readonly unknown[]>(reply: Reply, echo: number | undefined): Reply {
  if (!Array.isArray(reply) || reply[0] !== echo) throw new GarbledReplyError()
  return reply
}

/**
 * The replies to scripts that were sent together, each with its own echo.
 * @throws the first error among the replies, or GarbledReplyError when they are not those to these requests
 */
export async function repliesOf<Reply extends readonly unknown[]>(
  pipeline: ScriptedPipeline,
  echoes: readonly number[],
): Promise<Reply[]> {
  const replies = await pipeline.exec()
  if (replies?.length !== echoes.length) throw new GarbledReplyError()
  return replies.map(([error, reply], index) => {
    if (error) throw error
    return verified(reply as Reply, echoes[index])
  })
}

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

/**
 * For all connections of this process, once. ioredis (6.0.0) expects each reply to have the shape that its command gets.
 * If a reply has another shape, reading it throws outside any promise, and the process ends (ADR 22).
 */
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
      // It may have left the queue already, and nothing else would settle it.
      next?.command.reject(error as Error)
      this.returnFatalError(error as Error)
    }
  }
}
