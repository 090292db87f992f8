/** Loading as components see it: the first load, a reload that keeps what is shown, and pages of a long list. */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import type {
  Answer,
  Arguments,
  CallOptions,
  DataOf,
  InputOf,
  ItemOf,
  OperationId,
  PagedId,
} from '../../../src/client/index.ts'
import { type ApiError, api, asApiError } from './client.ts'

export interface Loaded<Data> {
  readonly loading: boolean
  readonly answer: Answer<Data> | null
  /** If there is an answer, it is older than the failure. */
  readonly error: ApiError | null
  reload(): void
}

const argumentsOf = <Id extends OperationId>(input: InputOf<Id>, signal: AbortSignal) =>
  [input, { signal }] as unknown as Arguments<Id, CallOptions>

/** With one of many calls, the compiler no longer knows that the input belongs to the call. */
const callOf = <Id extends OperationId>(id: Id) =>
  api[id] as unknown as (input: InputOf<Id>, options: CallOptions) => Promise<Answer<DataOf<Id>>>

/** @param input null: nothing to load */
export function useLoaded<Id extends OperationId>(id: Id, input: InputOf<Id> | null): Loaded<DataOf<Id>> {
  const of = input === null ? null : JSON.stringify(input)
  const [state, setState] = useState<Omit<Loaded<DataOf<Id>>, 'reload'> & { readonly of: string | null }>(nothing(of))
  const [round, setRound] = useState(0)
  useEffect(() => {
    if (input === null) return setState(nothing(null))
    const aborting = new AbortController()
    setState((before) => ({ ...(before.of === of ? before : nothing(of)), loading: true }))
    callOf(id)(input, { signal: aborting.signal }).then(
      (answer) => setState({ of, loading: false, answer, error: null }),
      (error: unknown) => {
        if (aborting.signal.aborted) return
        setState((before) => ({ ...before, loading: false, error: asApiError(error) }))
      },
    )
    return () => aborting.abort()
  }, [id, of, round])
  const current = state.of === of ? state : nothing(of)
  return { ...current, reload: useCallback(() => setRound((count) => count + 1), []) }
}

const nothing = (of: string | null) => ({ of, loading: of !== null, answer: null, error: null })

export interface Pages<Item> {
  readonly items: readonly Item[]
  readonly loading: boolean
  readonly complete: boolean
  readonly error: ApiError | null
  readonly cacheStatus: string | null
  /** Loads the next page, unless one is on its way. */
  more(): void
  /** Starts over, and shows what is there until the first page has come. */
  reload(): void
}

const PAGE = 200

export function usePages<Id extends PagedId>(id: Id, input: InputOf<Id>): Pages<ItemOf<Id>> {
  type Data = { readonly data: readonly ItemOf<Id>[]; readonly nextCursor: string | null }
  type State = Omit<Pages<ItemOf<Id>>, 'more' | 'reload'> & { readonly of: string }
  const of = JSON.stringify(input)
  const empty = (): State => ({ of, items: [], loading: true, complete: false, error: null, cacheStatus: null })
  const [state, setState] = useState<State>(empty)
  const reading = useRef<{ pages: AsyncGenerator<Answer<unknown>>; aborting: AbortController } | null>(null)
  const busy = useRef(false)

  const next = useCallback(() => {
    const current = reading.current
    if (current === null || busy.current) return
    busy.current = true
    setState((before) => ({ ...before, loading: true, error: null }))
    current.pages.next().then(
      ({ value, done }) => {
        if (reading.current !== current) return
        busy.current = false
        if (done) return
        const { data, nextCursor } = value.data as Data
        const isFirst = !started.has(current.pages)
        started.add(current.pages)
        setState((before) => ({
          of,
          items: isFirst ? data : [...before.items, ...data],
          loading: false,
          complete: nextCursor === null,
          error: null,
          cacheStatus: isFirst ? value.cacheStatus : before.cacheStatus,
        }))
      },
      (error: unknown) => {
        if (reading.current !== current) return
        busy.current = false
        // A generator that has thrown has ended.
        reading.current = null
        setState((before) => ({ ...before, loading: false, error: asApiError(error) }))
      },
    )
  }, [of])
  const begin = useCallback(() => {
    reading.current?.aborting.abort()
    const aborting = new AbortController()
    const query = { limit: PAGE, ...(input as { readonly query?: object }).query }
    const pages = api.pages(id, ...argumentsOf<Id>({ ...input, query }, aborting.signal))
    reading.current = { pages, aborting }
    busy.current = false
    next()
  }, [id, of])
  useEffect(() => {
    setState(empty())
    begin()
    return () => {
      reading.current?.aborting.abort()
      reading.current = null
    }
  }, [begin])
  const current = state.of === of ? state : empty()
  return { ...current, more: current.complete ? ignore : next, reload: begin }
}

/** Set once the first page has arrived. */
const started = new WeakSet<object>()
const ignore = () => {}
