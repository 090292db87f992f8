/** What goes to and comes from the thread that reads a large import. */
import type { FieldProblem } from '../../domain/errors.ts'
import type { ImportPieces } from '../../domain/import-pieces.ts'
import type { ProblemCode } from '../problem.ts'

export interface ThreadWork {
  /** Together the body; their buffers move to the thread. */
  readonly blocks: readonly Uint8Array<ArrayBuffer>[]
}

export type ReadByThread = { readonly pieces: ImportPieces } | { readonly refused: Refused }

/** An error loses its class on the way between threads. */
export interface Refused {
  readonly code: ProblemCode
  readonly message: string
  readonly problems: readonly FieldProblem[]
}

/** They move, too: nothing large is copied. */
export function buffersIn({ pieces, elsewhere }: ImportPieces): ArrayBuffer[] {
  return [...Object.values(pieces), ...Object.values(elsewhere)].flat().map(({ json }) => json.buffer)
}
