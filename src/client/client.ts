/** The API as an object with a method for each call, named as in the OpenAPI document. */
import { type FeedEvent, type FollowOptions, follow } from './changes.ts'
import { type Consistency, createConsistency } from './consistency.ts'
import { RefusedError } from './errors.ts'
import { OPERATIONS } from './generated.ts'
import type { Arguments, DataOf, InputOf, ItemOf, OperationId, PagedId } from './operations.ts'
import { addressOf, type Fetch, jsonOf, type Request, send } from './request.ts'
import { DEFAULT_RETRIES, type RetryOptions, withRetries } from './retries.ts'

/** Only `baseUrl` is required. */
export interface ClientOptions {
  /** Where the service is; paths are below it. */
  readonly baseUrl: string | URL
  /** The access token, or a function that returns it for each call; none for calls without a token. */
  readonly token?: string | (() => string | null | Promise<string | null>)
  /** The global one where absent. */
  readonly fetch?: Fetch
  /** How long one attempt may take, in milliseconds. Default: 30,000. */
  readonly timeoutMs?: number
  readonly retry?: Partial<RetryOptions>
  /** From another client or process: this client's reads see at least that change. */
  readonly consistencyToken?: string
  /** Sent with every call, for example `cache-control: no-cache`. */
  readonly headers?: Readonly<Record<string, string>>
}

/** Options of one call; its own `timeoutMs` replaces the client's. */
export interface CallOptions {
  readonly signal?: AbortSignal
  readonly timeoutMs?: number
}

/** A successful answer. */
export interface Answer<Data> {
  readonly data: Data
  readonly status: number
  /** Sent with a change as `if-match`, it makes the service refuse the change if another came first. */
  readonly etag: string | null
  /** Of a mutation. The client's own reads send it by themselves. */
  readonly consistencyToken: string | null
  /** RFC 9211: how the cache took part. */
  readonly cacheStatus: string | null
  readonly headers: Headers
}

type Calls = {
  readonly [Id in OperationId]: (...args: Arguments<Id, CallOptions>) => Promise<Answer<DataOf<Id>>>
}

/** Every call throws RefusedError, UnreachableError, or what its signal was aborted with. */
export interface Client extends Calls {
  /** Every item of a list, page by page as it is read. */
  items<Id extends PagedId>(id: Id, ...args: Arguments<Id, CallOptions>): AsyncGenerator<ItemOf<Id>, void, undefined>
  /** The pages themselves, for their headers. */
  pages<Id extends PagedId>(
    id: Id,
    ...args: Arguments<Id, CallOptions>
  ): AsyncGenerator<Answer<DataOf<Id>>, void, undefined>
  /** What stopped being valid, as it happens; ends with the signal. */
  changes(options?: FollowOptions): AsyncGenerator<FeedEvent, void, undefined>
  /** The token of the last change, to be handed to another client; null where there was none. */
  consistencyToken(): string | null
}

const TIMEOUT_MS = 30_000
const PAGE_MAX = 200
const ACCEPTED = 'application/json, application/problem+json'

interface Operation {
  readonly method: string
  readonly path: string
  readonly contentType?: string
  readonly idempotencyKey?: true
  readonly consistencyToken?: true
  readonly cursor?: string | null
}

interface AnyInput {
  readonly path?: Readonly<Record<string, unknown>>
  readonly query?: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

/**
 * Makes the client; it connects with the first call. Failed attempts are repeated where that is safe, and reads see this
 * client's own changes.
 * @throws TypeError for a `baseUrl` that is not a URL
 */
export function createClient(options: ClientOptions): Client {
  const caller = new Caller(options)
  const calls = Object.fromEntries(
    (Object.keys(OPERATIONS) as OperationId[]).map((id) => [
      id,
      (input?: InputOf<typeof id>, given?: CallOptions) => caller.call(id, input as AnyInput | undefined, given),
    ]),
  )
  return {
    ...calls,
    items: (id: PagedId, input?: AnyInput, given?: CallOptions) => caller.items(id, input, given),
    pages: (id: PagedId, input?: AnyInput, given?: CallOptions) => caller.pages(id, input, given),
    changes: (following?: FollowOptions) => caller.changes(following),
    consistencyToken: () => caller.consistency.token(),
  } as unknown as Client
}

/** Makes the calls of one client, by their names. */
class Caller {
  readonly consistency: Consistency
  readonly #options: ClientOptions
  readonly #base: URL
  readonly #retry: RetryOptions
  readonly #fetch: Fetch

  constructor(options: ClientOptions) {
    this.#options = options
    this.#base = new URL(options.baseUrl)
    this.#retry = { ...DEFAULT_RETRIES, ...options.retry }
    this.#fetch = options.fetch ?? globalThis.fetch.bind(globalThis)
    this.consistency = createConsistency(options.consistencyToken)
  }

  async call(id: OperationId, input: AnyInput = {}, given: CallOptions = {}): Promise<Answer<unknown>> {
    const operation: Operation = OPERATIONS[id]
    const request = this.#requestOf(operation, input)
    const url = addressOf(this.#base, request)
    const acknowledge = isRead(operation) ? undefined : this.consistency.mutating()
    const repeatable = isRead(operation) || isRepeatable(request)
    const attempts = withRetries(this.#retry, { repeatable, signal: given.signal }, () =>
      this.#attempt(url, request, given),
    )
    const answer = await attempts.catch((error: unknown) => {
      if (isOfOtherHistory(error)) this.consistency.forget()
      throw error
    })
    acknowledge?.(answer.consistencyToken)
    return answer
  }

  async *pages(id: PagedId, input: AnyInput = {}, given?: CallOptions): AsyncGenerator<Answer<unknown>> {
    const { cursor }: Operation = OPERATIONS[id]
    let query = input.query ?? {}
    for (;;) {
      const answer = await this.call(id, { ...input, query }, given)
      yield answer
      const { nextCursor } = answer.data as { readonly nextCursor: string | null }
      if (nextCursor === null || !cursor) return
      query = { ...query, [cursor]: nextCursor }
    }
  }

  async *items(id: PagedId, input: AnyInput = {}, given?: CallOptions): AsyncGenerator<unknown> {
    const { cursor }: Operation = OPERATIONS[id]
    // A list without cursors comes whole, and knows no limit.
    const query = { ...input.query, ...(cursor && { limit: input.query?.limit ?? PAGE_MAX }) }
    for await (const { data } of this.pages(id, { ...input, query }, given))
      yield* (data as { readonly data: readonly unknown[] }).data
  }

  changes(following: FollowOptions = {}): AsyncGenerator<FeedEvent, void, undefined> {
    const { signal = new AbortController().signal } = following
    const request = { ...this.#requestOf(OPERATIONS.followChanges, {}), signal }
    return follow(async (position) => {
      const authorization = await this.#authorization()
      const headers = { ...request.headers, ...authorization, accept: 'text/event-stream', ...position }
      return send(this.#fetch, addressOf(this.#base, request), { ...request, headers })
    }, following)
  }

  async #attempt(url: URL, request: Omit<Request, 'signal'>, given: CallOptions): Promise<Answer<unknown>> {
    const signal = withTimeout(given.signal, given.timeoutMs ?? this.#options.timeoutMs ?? TIMEOUT_MS)
    const headers = { ...(await this.#authorization()), ...request.headers }
    const response = await send(this.#fetch, url, { ...request, headers, signal })
    return answerOf(response, await jsonOf(response, url, signal))
  }

  async #authorization(): Promise<{ readonly authorization?: string }> {
    const { token } = this.#options
    const bearer = typeof token === 'function' ? await token() : token
    return bearer ? { authorization: `Bearer ${bearer}` } : {}
  }

  #requestOf(operation: Operation, input: AnyInput): Omit<Request, 'signal'> {
    const { method, path, contentType = 'application/json', idempotencyKey, consistencyToken } = operation
    return {
      method,
      path,
      parameters: input.path ?? {},
      query: input.query ?? {},
      body: input.body,
      headers: {
        accept: ACCEPTED,
        ...(input.body !== undefined && { 'content-type': contentType }),
        // One key for all attempts: however often it arrives, it has one effect.
        ...(idempotencyKey && { 'idempotency-key': crypto.randomUUID() }),
        ...(consistencyToken && this.consistency.headers()),
        ...this.#options.headers,
        ...input.headers,
      },
    }
  }
}

/** The database was restored or failed over: no history contains the changes that this client's reads had to see. */
const isOfOtherHistory = (error: unknown) =>
  error instanceof RefusedError && error.problem.type?.endsWith('token-other-history') === true

/** Some queries are sent by POST; a call that takes a consistency token changes nothing. */
const isRead = ({ method, consistencyToken }: Operation) => method === 'GET' || consistencyToken === true

/** A PATCH may mean something else the second time, and what was conditional on the first state is refused in the second. */
function isRepeatable({ method, headers }: Pick<Request, 'method' | 'headers'>): boolean {
  if (headers['if-match'] !== undefined) return false
  return method === 'PUT' || method === 'DELETE' || headers['idempotency-key'] !== undefined
}

function withTimeout(signal: AbortSignal | undefined, ms: number): AbortSignal {
  const timeout = AbortSignal.timeout(ms)
  return signal === undefined ? timeout : AbortSignal.any([signal, timeout])
}

function answerOf({ status, headers }: Response, data: unknown): Answer<unknown> {
  return {
    data,
    status,
    etag: headers.get('etag'),
    consistencyToken: headers.get('consistency-token'),
    cacheStatus: headers.get('cache-status'),
    headers,
  }
}
