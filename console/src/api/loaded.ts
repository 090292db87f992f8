/** Loading as components see it: the first load, a reload that keeps what is shown, and pages of a long list. */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { type Answer, ApiError, get } from './call.ts'
import type { Page } from './types.ts'

export interface Loaded<Body> {
  readonly loading: boolean
  readonly answer: Answer<Body> | null
  /** With an answer: that answer is older than the failure. */
  readonly error: ApiError | null
  reload(): void
}

/** @param path null: nothing to load */
export function useLoaded<Body>(path: string | null): Loaded<Body> {
  const [state, setState] = useState<Omit<Loaded<Body>, 'reload'> & { readonly of: string | null }>(nothing(path))
  const [round, setRound] = useState(0)
  useEffect(() => {
    if (path === null) return setState(nothing(null))
    const aborting = new AbortController()
    setState((before) => ({ ...(before.of === path ? before : nothing(path)), loading: true }))
    get<Body>(path, aborting.signal).then(
      (answer) => setState({ of: path, loading: false, answer, error: null }),
      (error: unknown) => {
        if (aborting.signal.aborted) return
        setState((before) => ({ ...before, loading: false, error: asApiError(error) }))
      },
    )
    return () => aborting.abort()
  }, [path, round])
  const current = state.of === path ? state : nothing(path)
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
  /** Begins anew, and shows what is there until the first page has come. */
  reload(): void
}

/** @param path with its query, without `limit` and `cursor`; null: nothing to load */
export function usePages<Item>(path: string | null): Pages<Item> {
  type State = Omit<Pages<Item>, 'more' | 'reload'> & { readonly of: string | null; readonly cursor: string | null }
  const empty = (): State => ({
    of: path,
    items: [],
    loading: path !== null,
    complete: false,
    error: null,
    cacheStatus: null,
    cursor: null,
  })
  const [state, setState] = useState<State>(empty)
  const running = useRef<AbortController | null>(null)

  const load = useCallback(
    (cursor: string | null) => {
      if (path === null) return
      running.current?.abort()
      const aborting = new AbortController()
      running.current = aborting
      setState((before) => ({ ...before, loading: true, error: null }))
      const query = `${path.includes('?') ? '&' : '?'}limit=200${cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`}`
      get<Page<Item>>(path + query, aborting.signal).then(
        ({ body, cacheStatus }) => {
          running.current = null
          setState((before) => ({
            of: path,
            items: cursor === null ? body.data : [...before.items, ...body.data],
            loading: false,
            complete: body.nextCursor === null,
            error: null,
            cacheStatus: cursor === null ? cacheStatus : before.cacheStatus,
            cursor: body.nextCursor,
          }))
        },
        (error: unknown) => {
          if (aborting.signal.aborted) return
          running.current = null
          setState((before) => ({ ...before, loading: false, error: asApiError(error) }))
        },
      )
    },
    [path],
  )
  useEffect(() => {
    setState(empty())
    load(null)
    return () => {
      running.current?.abort()
      running.current = null
    }
  }, [load])
  const { cursor, ...current } = state.of === path ? state : empty()
  return {
    ...current,
    more: useCallback(() => {
      if (running.current === null && cursor !== null) load(cursor)
    }, [cursor, load]),
    reload: useCallback(() => load(null), [load]),
  }
}

export function asApiError(error: unknown): ApiError {
  return error instanceof ApiError ? error : new ApiError(0, String(error), 'Reload the page.')
}
