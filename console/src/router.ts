/**
 * The address holds what is shown, after the `#`: a link can be shared, and names of people reach no server log.
 * `#/people?user=alice&resource=…`
 */
import { createStore, useStore } from './store.ts'

export interface Place {
  readonly view: string
  readonly query: Readonly<Record<string, string>>
}

/** What each view is given: the query of the address. */
export interface ViewProps {
  readonly query: Place['query']
}

const place = createStore(read())
window.addEventListener('hashchange', () => place.set(read()))

export const usePlace = (): Place => useStore(place)

export function linkTo(view: string, query: Readonly<Record<string, string | undefined>> = {}): string {
  const given = Object.entries(query).filter(
    (each): each is [string, string] => each[1] !== undefined && each[1] !== '',
  )
  const text = new URLSearchParams(given).toString()
  return `#/${view}${text === '' ? '' : `?${text}`}`
}

/** Adds a step to the history. */
export function go(view: string, query?: Readonly<Record<string, string | undefined>>): void {
  window.location.hash = linkTo(view, query)
}

/** Changes the address in place, while a person types. */
export function replace(view: string, query: Readonly<Record<string, string | undefined>>): void {
  history.replaceState(null, '', linkTo(view, query))
  place.set(read())
}

function read(): Place {
  const [path = '', query = ''] = window.location.hash.replace(/^#\/?/, '').split('?', 2)
  return { view: path, query: Object.fromEntries(new URLSearchParams(query)) }
}
