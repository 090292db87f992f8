/** A careful flush: first what it would remove, then a reason and a confirmation with the number of entries. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { ENUMS, type Flushed, type InputOf } from '../../../src/client/index.ts'
import type { ApiError } from '../api/client.ts'
import { api, asApiError } from '../api/client.ts'
import { PersonField } from '../parts/person-field.tsx'
import { Failure, LoadingBar } from '../parts/states.tsx'
import { linkTo, replace, type ViewProps } from '../router.ts'

const SCOPES = {
  user: 'One person: their groups and their list',
  resource: 'One resource: the catalogue’s part and every list',
  layer: 'One layer, and what is derived from it',
  volatile: 'All groups and lists of people',
  all: 'Everything',
} as const
type Scope = keyof typeof SCOPES
type FlushBody = InputOf<'flushCache'>['body']

/** The layer that costs least to lose. */
const CHEAPEST_LAYER = 'user-resources'

type State =
  | { readonly step: 'choosing'; readonly error?: ApiError }
  | { readonly step: 'asking' }
  | { readonly step: 'shown'; readonly shown: Flushed; readonly body: FlushBody }
  | { readonly step: 'done'; readonly flushed: Flushed; readonly entries: string }

export function FlushView({ query }: ViewProps) {
  const scope = query.scope !== undefined && query.scope in SCOPES ? (query.scope as Scope) : 'user'
  const [reason, setReason] = useState('')
  const [state, setState] = useState<State>({ step: 'choosing' })
  const body = bodyOf(scope, query, reason)
  const choose = (change: Record<string, string>) => {
    setState({ step: 'choosing' })
    replace('flush', { ...query, scope, ...change })
  }

  async function show(next: Promise<State>) {
    setState({ step: 'asking' })
    setState(await next)
  }

  return (
    <>
      <div class="bar">
        <h1>Flush</h1>
      </div>
      <form
        class="card flush"
        onSubmit={(event) => {
          event.preventDefault()
          if (body !== null) void show(rehearse(body))
        }}
      >
        <fieldset>
          <legend>What</legend>
          {Object.entries(SCOPES).map(([name, text]) => (
            <label key={name} class="choice">
              <input type="radio" name="scope" checked={name === scope} onChange={() => choose({ scope: name })} />
              {text}
            </label>
          ))}
        </fieldset>
        <Named scope={scope} query={query} onChoose={choose} />
        <label class="field">
          Reason, for the audit trail
          <input
            type="text"
            required
            maxLength={500}
            value={reason}
            onInput={(event) => {
              setReason(event.currentTarget.value)
              setState({ step: 'choosing' })
            }}
          />
        </label>
        <button type="submit" class="primary" disabled={body === null}>
          Show what it would remove
        </button>
        <p class="quiet">
          Nothing older is served by any instance afterwards, even if Redis is down right now. Readers notice a moment
          of misses, nothing else.
        </p>
      </form>
      {state.step === 'asking' && <LoadingBar label="Asking the service" />}
      {state.step === 'choosing' && state.error && <Failure error={state.error} needs="cache-admin" />}
      {state.step === 'shown' && (
        <Confirmation
          shown={state.shown}
          reason={reason}
          onConfirm={() => void show(flush(state.shown, state.body))}
          onCancel={() => setState({ step: 'choosing' })}
        />
      )}
      {state.step === 'done' && <Done flushed={state.flushed} entries={state.entries} />}
    </>
  )
}

/** Asks what the flush would remove, and removes nothing. */
async function rehearse(body: FlushBody): Promise<State> {
  try {
    const { data: shown } = await api.flushCache({ body: { ...body, dryRun: true } })
    return { step: 'shown', shown, body }
  } catch (error) {
    return { step: 'choosing', error: asApiError(error) }
  }
}

/** @param shown what was shown before, whose number of entries was confirmed */
async function flush(shown: Flushed, body: FlushBody): Promise<State> {
  try {
    const { data } = await api.flushCache({ body })
    return { step: 'done', flushed: data, entries: amountOf(shown) }
  } catch (error) {
    return { step: 'choosing', error: asApiError(error) }
  }
}

interface NamedProps {
  readonly scope: Scope
  readonly query: Readonly<Record<string, string>>
  readonly onChoose: (change: Record<string, string>) => void
}

/** The one person, resource or layer, where the scope names one. */
function Named({ scope, query, onChoose }: NamedProps) {
  if (scope === 'user')
    return <PersonField label="Person" value={query.user ?? ''} onChoose={(user) => onChoose({ user })} />
  if (scope === 'resource')
    return (
      <label class="field">
        Resource
        <input
          type="text"
          required
          placeholder="Its exact name"
          value={query.resource ?? ''}
          onInput={(event) => onChoose({ resource: event.currentTarget.value })}
        />
      </label>
    )
  if (scope !== 'layer') return null
  return (
    <label class="field">
      Layer
      <select
        value={query.layer ?? CHEAPEST_LAYER}
        onChange={(event) => onChoose({ layer: event.currentTarget.value })}
      >
        {ENUMS.Layer.map((layer) => (
          <option key={layer}>{layer}</option>
        ))}
      </select>
    </label>
  )
}

function Done({ flushed, entries }: { readonly flushed: Flushed; readonly entries: string }) {
  return (
    <div class="notice good" role="status">
      <strong>Flushed: {entries}</strong>
      <p>
        {flushed.store === 'unavailable'
          ? 'Redis did not answer, so the entries are still there, but none of them is served any more.'
          : 'No instance serves anything older.'}{' '}
        <a href={linkTo('audit', { action: 'flushCache' })}>Its entry in the audit trail</a>
      </p>
    </div>
  )
}

interface ConfirmationProps {
  readonly shown: Flushed
  readonly reason: string
  readonly onConfirm: () => void
  readonly onCancel: () => void
}

function Confirmation({ shown, reason, onConfirm, onCancel }: ConfirmationProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => dialog.current?.showModal(), [])
  return (
    <dialog ref={dialog} onClose={onCancel} aria-labelledby="confirm-title">
      <h2 id="confirm-title">Flush {amountOf(shown)}?</h2>
      {shown.layers.length > 0 && (
        <p>
          Whole layers:{' '}
          {shown.layers.map((layer) => (
            <code key={layer}>{layer} </code>
          ))}
        </p>
      )}
      {shown.keys !== null && (
        <ul class="keys">
          {shown.keys.slice(0, 10).map((key) => (
            <li key={key}>
              <code>{key}</code>
            </li>
          ))}
          {shown.keys.length > 10 && <li class="quiet">and {shown.keys.length - 10} more</li>}
        </ul>
      )}
      <p>
        Reason: <em>{reason}</em>
      </p>
      <div class="actions">
        <button type="button" class="danger" onClick={onConfirm}>
          Flush {amountOf(shown)}
        </button>
        <button type="button" onClick={onCancel}>
          Cancel
        </button>
      </div>
    </dialog>
  )
}

function bodyOf(scope: Scope, query: Readonly<Record<string, string>>, reason: string): FlushBody | null {
  if (reason.trim() === '') return null
  const why = { reason: reason.trim() }
  const { user, resource } = query
  const layer = ENUMS.Layer.find((each) => each === query.layer) ?? CHEAPEST_LAYER
  if (scope === 'user') return user ? { scope, user, ...why } : null
  if (scope === 'resource') return resource ? { scope, resource: `name:${resource}`, ...why } : null
  return scope === 'layer' ? { scope, layer, ...why } : { scope, ...why }
}

/** The number of entries in Redis; if that is unknown, what the scope names. */
function amountOf({ entries, keys, layers }: Flushed): string {
  const number = entries ?? keys?.length
  if (number === undefined) return `every entry of ${layers.length} ${layers.length === 1 ? 'layer' : 'layers'}`
  return number === 1 ? '1 entry' : `${number.toLocaleString('en')} entries`
}
