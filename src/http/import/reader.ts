/**
 * Reads the body of an import. A small one at once; a large one in a thread of its own, because parsing and checking a
 * million items takes seconds, in which the process would answer nobody.
 */
import { Worker } from 'node:worker_threads'
import { DomainError, type DomainErrorCode } from '../../domain/errors.ts'
import type { ImportPieces } from '../../domain/import-pieces.ts'
import { HttpError } from '../problem.ts'
import { readImport } from './body.ts'
import type { ReadByThread, Refused, ThreadWork } from './thread-messages.ts'

/**
 * Takes the blocks that together are the body; of a large one their buffers are given away.
 * @throws as {@link readImport}; HttpError `payload-too-large` where it does not fit into the memory of the thread
 */
export type ImportReader = (blocks: ThreadWork['blocks']) => Promise<ImportPieces>

/** Up to this size, reading takes less time than starting a thread, in bytes. */
const AT_ONCE_MAX = 256 * 1024
/**
 * Enough for the names of five million items; no accepted body needs more (split.ts). A thread that exceeds it ends alone,
 * unless a single allocation is too large: then V8 ends the process.
 */
const MEMORY_MB = 768
const THREAD = new URL('./thread.ts', import.meta.url)

export function createImportReader({ thread: file = THREAD, memoryMb = MEMORY_MB } = {}): ImportReader {
  let last: Promise<unknown> = Promise.resolve()

  /** One at a time: each needs several times the memory of its body. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = last.then(work)
    last = done.catch(() => {})
    return done
  }

  function readInThread(blocks: ThreadWork['blocks']): Promise<ImportPieces> {
    return new Promise((resolve, reject) => {
      const thread = new Worker(file, {
        workerData: { blocks } satisfies ThreadWork,
        transferList: blocks.map(({ buffer }) => buffer),
        resourceLimits: { maxOldGenerationSizeMb: memoryMb },
      })
      thread.once('message', (read: ReadByThread) =>
        'pieces' in read ? resolve(read.pieces) : reject(refusalOf(read.refused)),
      )
      thread.once('error', (error) => reject(isOutOfMemory(error) ? doesNotFit(error) : error))
      // After either of them this changes nothing.
      thread.once('exit', () => reject(endedEarly()))
    })
  }

  return async (blocks) => {
    const [only] = blocks
    if (only && blocks.length === 1 && only.length <= AT_ONCE_MAX) return readImport(only)
    return inTurn(() => readInThread(blocks))
  }
}

function refusalOf({ code, message, problems }: Refused): Error {
  if (code === 'malformed-request' || code === 'payload-too-large') return new HttpError(code, message)
  return new DomainError(code as DomainErrorCode, message, { problems })
}

const isOutOfMemory = (error: unknown) => (error as { code?: unknown }).code === 'ERR_WORKER_OUT_OF_MEMORY'

const doesNotFit = (cause: unknown) =>
  new HttpError('payload-too-large', 'The body needs more memory than an import may use; send it in parts.', {
    cause,
  })

const endedEarly = () => new DomainError('overloaded', 'the thread that read the import has ended')
