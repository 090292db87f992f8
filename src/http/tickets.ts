/**
 * Tickets for what a browser opens without headers: `EventSource` can send no token, and a token has no place in a URL,
 * where every proxy writes it down. A ticket is good for one call, and for a minute.
 */
import { type Caller, unauthenticated } from './caller.ts'

export interface Ticket {
  readonly ticket: string
  readonly expiresAt: string
}

export interface Tickets {
  issue(caller: Caller): Ticket
  /** @throws HttpError `unauthenticated` for a ticket that was not issued here, or has expired */
  holderOf(ticket: string): Caller
}

/** Authenticates tickets, the same way on every instance; the codec of cursors serves. */
export interface TicketCodec {
  encode(scope: readonly string[], position: readonly string[]): string
  /** @throws if it was not made for this scope */
  decode(scope: readonly string[], text: string): string[]
}

const LIFE_MS = 60_000
const SCOPE = ['ticket', 'changes']

export function createTickets({
  codec,
  nowMs,
}: {
  readonly codec: TicketCodec
  readonly nowMs: () => number
}): Tickets {
  return {
    issue(caller) {
      const expiresAtMs = nowMs() + LIFE_MS
      const ticket = codec.encode(SCOPE, [String(expiresAtMs), JSON.stringify(caller)])
      return { ticket, expiresAt: new Date(expiresAtMs).toISOString() }
    },
    holderOf(ticket) {
      const [expiresAtMs, caller] = decoded(codec, ticket)
      if (!(nowMs() < Number(expiresAtMs)) || caller === undefined)
        throw unauthenticated('invalid_token', 'the ticket is over')
      return JSON.parse(caller) as Caller
    },
  }
}

function decoded(codec: TicketCodec, ticket: string): string[] {
  try {
    return codec.decode(SCOPE, ticket)
  } catch (cause) {
    throw unauthenticated('invalid_token', 'not a ticket', cause)
  }
}
