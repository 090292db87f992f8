/** Names what is wrong with Redis: a stable word for each kind of failure. */
import { StoreUnavailableError } from '../cache/index.ts'
import { DeadlineError } from './deadline.ts'

export type FailureDetail =
  | 'redis-unavailable'
  | 'redis-timeout'
  | 'breaker-open'
  | 'redis-read-only'
  | 'redis-loading'
  | 'redis-master-down'
  | 'redis-out-of-memory'
  | 'redis-no-replicas'
  | 'redis-not-persisting'
  | 'redis-refused-access'
  | 'redis-cluster-down'
  | 'redis-busy'
  | 'redis-garbled'
  | 'redis-error'

/** No failure to name: the connection is being made, or a failover has just ended it. */
class NoConnectionError extends Error {
  readonly code = 'no-connection'
  constructor() {
    super('there is no connection at the moment')
    this.name = 'NoConnectionError'
  }
}

/** In the words of ioredis, which speak of its options. */
const isUnsent = (error: unknown) => error instanceof Error && /^Stream isn't writeable/.test(error.message)

/** An answer that does not match the request. */
export class GarbledReplyError extends Error {
  readonly code = 'garbled-reply'
  constructor(message = 'the reply does not belong to the request') {
    super(message)
    this.name = 'GarbledReplyError'
  }
}

/** The first word of an error reply is its code. Scripts that run on a failing server pass its code on, in front or inside. */
const DETAIL_OF_CODE: Readonly<Record<string, FailureDetail>> = {
  READONLY: 'redis-read-only',
  UNBLOCKED: 'redis-read-only',
  LOADING: 'redis-loading',
  MASTERDOWN: 'redis-master-down',
  OOM: 'redis-out-of-memory',
  NOREPLICAS: 'redis-no-replicas',
  MISCONF: 'redis-not-persisting',
  NOAUTH: 'redis-refused-access',
  WRONGPASS: 'redis-refused-access',
  NOPERM: 'redis-refused-access',
  DENIED: 'redis-refused-access',
  CLUSTERDOWN: 'redis-cluster-down',
  MOVED: 'redis-cluster-down',
  ASK: 'redis-cluster-down',
  TRYAGAIN: 'redis-cluster-down',
  BUSY: 'redis-busy',
}

const CODES = new RegExp(`(?:^|[\\s:-])(${Object.keys(DETAIL_OF_CODE).join('|')})\\b`)
/** Redis 6 describes the error of a command inside a script in words; Redis 7 repeats the code. */
const WORDS: readonly (readonly [RegExp, FailureDetail])[] = [
  [/write against a read only replica/i, 'redis-read-only'],
  [/command not allowed when used memory > 'maxmemory'/i, 'redis-out-of-memory'],
  [/not enough good replicas to write/i, 'redis-no-replicas'],
  [/can't run this command nor its subcommand|no permissions? to (?:run|access)/i, 'redis-refused-access'],
  [/^Command timed out$/, 'redis-timeout'],
]

/**
 * @param connectionError why there is no connection, where the command itself only says that there is none
 * @returns the error that every method of the store throws, with the most telling one as its cause
 */
export function unavailable(error: unknown, connectionError?: Error): StoreUnavailableError {
  if (error instanceof StoreUnavailableError) return error
  const detail = detailOf(error)
  if (detail !== 'redis-unavailable' || !connectionError)
    return new StoreUnavailableError(detail, { cause: isUnsent(error) ? new NoConnectionError() : error })
  return new StoreUnavailableError(detailOfReply(connectionError.message) ?? detail, { cause: connectionError })
}

function detailOf(error: unknown): FailureDetail {
  if (error instanceof DeadlineError) return 'redis-timeout'
  if (error instanceof GarbledReplyError) return 'redis-garbled'
  if (!(error instanceof Error)) return 'redis-error'
  if (error.name === 'ReplyError') return detailOfReply(error.message) ?? 'redis-error'
  if (isParserError(error)) return 'redis-garbled'
  // Everything else that ioredis rejects with says that there is no connection, in various words.
  return detailOfReply(error.message) ?? 'redis-unavailable'
}

/** Failures of the network and of TLS, by the code of Node's error. */
const REASON_OF_CODE: readonly (readonly [RegExp, string])[] = [
  [/CERT|SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/, 'certificate'],
  [/^(?:ERR_SSL|ERR_TLS|EPROTO)/, 'tls'],
  [/^(?:ENOTFOUND|EAI_)/, 'name-resolution'],
  [/^ECONNREFUSED$/, 'connection-refused'],
  [/^(?:ECONNRESET|EPIPE)$/, 'connection-reset'],
  [/^(?:EHOSTUNREACH|ENETUNREACH)$/, 'unreachable'],
  [/^ETIMEDOUT$/, 'timeout'],
]

/** One word for why a connection or a command fails, more precise than what a reader sees; for metrics and for people on call. */
export function reasonOf(error: Error): string {
  const { code } = error as NodeJS.ErrnoException
  const known = code === undefined ? undefined : REASON_OF_CODE.find(([pattern]) => pattern.test(code))?.[1]
  if (known) return known
  // The one answer of a Sentinel for a master, and ours for its silence about one.
  if (/no (?:such master|master named)/i.test(error.message)) return 'unknown-master'
  const detail = detailOf(error)
  if (detail !== 'redis-unavailable' && detail !== 'redis-error') return detail.replace(/^redis-/, '')
  // An error reply of another kind begins with its own word, such as CROSSSLOT.
  const word = /^([A-Z]{2,20}) /.exec(error.message)?.[1]
  if (word) return word.toLowerCase()
  return /timed? ?out/i.test(error.message) ? 'timeout' : 'unavailable'
}

function detailOfReply(message: string): FailureDetail | undefined {
  const code = CODES.exec(message)?.[1]
  if (code) return DETAIL_OF_CODE[code]
  return WORDS.find(([pattern]) => pattern.test(message))?.[1]
}

/** ioredis appends this request to errors of its decoder. */
function isParserError(error: Error): boolean {
  return error.message.includes('Please report this')
}
