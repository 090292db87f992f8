/** Work on a long list in pieces, so that other requests get their turn in between. */

/** A fraction of a millisecond of the usual work. */
const ITEMS_PER_PIECE = 1000

/**
 * Calls `each` for every item, in order; after each thousand the event loop handles other events.
 * The list must not change before this resolves.
 */
export async function inPieces<Item>(items: readonly Item[], each: (item: Item) => void): Promise<void> {
  for (let from = 0; from < items.length; from += ITEMS_PER_PIECE) {
    if (from > 0) await new Promise((resolve) => setImmediate(resolve))
    for (const item of items.slice(from, from + ITEMS_PER_PIECE)) each(item)
  }
}
