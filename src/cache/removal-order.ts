/** Removes what an invalidation names from the store, inputs before the entries that are derived from them. */
import type { EntryKey, EntryStore, LayerName } from './entry-store.ts'
import { inPieces } from './in-pieces.ts'
import type { Invalidation, KeyList } from './mutation.ts'

/** @param names the layers, inputs before what is derived from them @throws what the store throws */
export async function removeInOrder(
  store: Pick<EntryStore, 'invalidate' | 'replaceGenerations'>,
  names: readonly LayerName[],
  invalidation: Invalidation,
): Promise<void> {
  for (const { keys, lists, layers } of await inputsFirst(names, invalidation)) {
    if (keys.length > 0) await store.invalidate(keys)
    for (const list of lists) for (const some of piecesOf(list.keys())) await store.invalidate(some)
    if (layers.length > 0) await store.replaceGenerations(layers)
  }
}

/** In this order: keys, lists, layers. */
interface RemovalStep {
  readonly keys: EntryKey[]
  readonly lists: KeyList[]
  readonly layers: LayerName[]
}

const noStep = (): RemovalStep => ({ keys: [], lists: [], layers: [] })

/**
 * An input is never removed after what was derived from it, whether by name or with its layer: a read in between would
 * derive again from the old input, under a lease that nothing takes away. Consecutive removals of one kind go together.
 */
async function inputsFirst(
  names: readonly LayerName[],
  { keys, layers, lists = [] }: Invalidation,
): Promise<RemovalStep[]> {
  const byLayer = new Map<LayerName, EntryKey[]>(names.map((layer) => [layer, []]))
  await inPieces(keys, ({ layer, key }) => byLayer.get(layer)?.push(key))
  let step = noStep()
  const steps = [step]
  const begin = () => {
    step = noStep()
    steps.push(step)
  }
  for (const layer of names) {
    const named = byLayer.get(layer) ?? []
    const listed = lists.filter((list) => list.layer === layer)
    if (named.length > 0 && step.lists.length + step.layers.length > 0) begin()
    await inPieces(named, (key) => step.keys.push(key))
    if (listed.length > 0 && step.layers.length > 0) begin()
    step.lists.push(...listed)
    if (layers.includes(layer)) step.layers.push(layer)
  }
  return steps
}

/** As many as the store removes with one command. */
const KEYS_PER_PIECE = 1000

function* piecesOf(keys: Iterable<EntryKey>): Generator<EntryKey[]> {
  let piece: EntryKey[] = []
  for (const key of keys) {
    if (piece.push(key) < KEYS_PER_PIECE) continue
    yield piece
    piece = []
  }
  if (piece.length > 0) yield piece
}
