/**
 * A list of any length with rows of equal height: only visible rows are rendered; arrows, Home and End move through it.
 */
import type { ComponentChildren } from 'preact'
import { useEffect, useId, useLayoutEffect, useRef, useState } from 'preact/hooks'

interface VirtualListProps<Item> {
  readonly items: readonly Item[]
  readonly label: string
  readonly rowHeight: number
  readonly keyOf: (item: Item) => string
  readonly selected: string | null
  readonly onSelect: (item: Item) => void
  readonly row: (item: Item) => ComponentChildren
  /** Called near the end of the list. */
  readonly onEnd: () => void
}

const AROUND = 6

export function VirtualList<Item>(props: VirtualListProps<Item>) {
  const { items, label, rowHeight, keyOf, selected, onSelect, row, onEnd } = props
  const id = useId()
  const box = useRef<HTMLDivElement>(null)
  const [top, setTop] = useState(0)
  const [height, setHeight] = useState(400)
  const [active, setActive] = useState(0)

  useLayoutEffect(() => {
    const element = box.current
    if (element === null) return
    const observer = new ResizeObserver(() => setHeight(element.clientHeight))
    observer.observe(element)
    return () => observer.disconnect()
  }, [])
  useEffect(() => {
    if (top + height > (items.length - 40) * rowHeight) onEnd()
  }, [top, height, items.length, rowHeight, onEnd])

  const first = Math.max(0, Math.floor(top / rowHeight) - AROUND)
  const last = Math.min(items.length, Math.ceil((top + height) / rowHeight) + AROUND)

  function moveTo(index: number) {
    const next = Math.max(0, Math.min(items.length - 1, index))
    setActive(next)
    const element = box.current
    if (element === null) return
    if (next * rowHeight < element.scrollTop) element.scrollTop = next * rowHeight
    if ((next + 1) * rowHeight > element.scrollTop + element.clientHeight)
      element.scrollTop = (next + 1) * rowHeight - element.clientHeight
  }

  function onKeyDown(event: KeyboardEvent) {
    const page = Math.max(1, Math.floor(height / rowHeight) - 1)
    const steps: Record<string, number> = {
      ArrowDown: active + 1,
      ArrowUp: active - 1,
      PageDown: active + page,
      PageUp: active - page,
      Home: 0,
      End: items.length - 1,
    }
    const target = steps[event.key]
    const item = items[active]
    if (target !== undefined) moveTo(target)
    else if ((event.key === 'Enter' || event.key === ' ') && item !== undefined) onSelect(item)
    else return
    event.preventDefault()
  }

  return (
    <div
      class="rows"
      ref={box}
      role="listbox"
      tabIndex={0}
      aria-label={label}
      aria-activedescendant={active >= first && active < last ? `${id}-${active}` : undefined}
      onScroll={(event) => setTop(event.currentTarget.scrollTop)}
      onKeyDown={onKeyDown}
    >
      <div class="rows-all" role="presentation" style={{ height: `${items.length * rowHeight}px` }}>
        {items.slice(first, last).map((item, offset) => {
          const index = first + offset
          const key = keyOf(item)
          return (
            // biome-ignore lint/a11y/useFocusableInteractive: focus stays on the list, as the listbox pattern has it
            // biome-ignore lint/a11y/useKeyWithClickEvents: the list handles the keys
            <div
              key={key}
              id={`${id}-${index}`}
              class={`row${index === active ? ' active' : ''}`}
              role="option"
              aria-selected={key === selected}
              aria-setsize={items.length}
              aria-posinset={index + 1}
              style={{ transform: `translateY(${index * rowHeight}px)`, height: `${rowHeight}px` }}
              onClick={() => {
                setActive(index)
                onSelect(item)
              }}
            >
              {row(item)}
            </div>
          )
        })}
      </div>
    </div>
  )
}
