/** A field for a user's id, with suggestions while typing if the token may list users. */
import { useEffect, useId, useState } from 'preact/hooks'
import type { User } from '../../../src/client/index.ts'
import { api } from '../api/client.ts'
import { useRole } from '../session.ts'

const AFTER_MS = 150
const SHOWN = 8

interface PersonFieldProps {
  readonly value: string
  readonly label: string
  readonly onChoose: (id: string) => void
}

export function PersonField({ value, label, onChoose }: PersonFieldProps) {
  const id = useId()
  const [text, setText] = useState(value)
  const [open, setOpen] = useState(false)
  const [active, setActive] = useState(-1)
  const mayList = useRole('admin')
  const found = useSuggestions(open && mayList ? text : null)
  useEffect(() => setText(value), [value])

  function choose(chosen: string) {
    setText(chosen)
    setOpen(false)
    setActive(-1)
    if (chosen !== '') onChoose(chosen)
  }

  function onKeyDown(event: KeyboardEvent) {
    if (event.key === 'Escape') setOpen(false)
    else if (event.key === 'ArrowDown') setActive((index) => Math.min(found.length - 1, index + 1))
    else if (event.key === 'ArrowUp') setActive((index) => Math.max(-1, index - 1))
    else if (event.key === 'Enter') choose(found[active]?.id ?? text.trim())
    else return
    event.preventDefault()
  }

  const expanded = open && found.length > 0
  return (
    <div class="field combobox">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="text"
        role="combobox"
        autoComplete="off"
        autoCapitalize="off"
        spellcheck={false}
        placeholder="Type an id, for example alice"
        aria-expanded={expanded}
        aria-controls={`${id}-list`}
        aria-autocomplete="list"
        aria-activedescendant={expanded && active >= 0 ? `${id}-${active}` : undefined}
        value={text}
        onInput={(event) => {
          setText(event.currentTarget.value)
          setActive(-1)
          setOpen(true)
        }}
        onFocus={(event) => event.currentTarget.select()}
        onBlur={() => setOpen(false)}
        onKeyDown={onKeyDown}
      />
      <div id={`${id}-list`} class="suggestions" role="listbox" aria-label="People" hidden={!expanded}>
        {found.map((user, index) => (
          // biome-ignore lint/a11y/useFocusableInteractive: focus stays in the field, as the combobox pattern has it
          <div
            key={user.id}
            id={`${id}-${index}`}
            role="option"
            aria-selected={index === active}
            // Before the field loses focus.
            onMouseDown={(event) => {
              event.preventDefault()
              choose(user.id)
            }}
          >
            <strong>{user.id}</strong> <span class="quiet">{user.displayName}</span>
          </div>
        ))}
      </div>
    </div>
  )
}

function useSuggestions(prefix: string | null): readonly User[] {
  const [found, setFound] = useState<readonly User[]>([])
  useEffect(() => {
    if (prefix === null) return setFound([])
    const aborting = new AbortController()
    const timer = setTimeout(() => {
      const q = prefix.trim()
      const query = { limit: SHOWN, ...(q !== '' && { q }) }
      api.listUsers({ query }, { signal: aborting.signal }).then(
        ({ data }) => setFound(data.data),
        // Without suggestions, the typed text counts.
        () => aborting.signal.aborted || setFound([]),
      )
    }, AFTER_MS)
    return () => {
      clearTimeout(timer)
      aborting.abort()
    }
  }, [prefix])
  return found
}
