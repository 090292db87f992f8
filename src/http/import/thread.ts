/** A thread that reads one large import and ends; see reader.ts. */
import { constants, setPriority } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import { DomainError } from '../../domain/errors.ts'
import { HttpError } from '../problem.ts'
import { readImport } from './body.ts'
import { buffersIn, type ReadByThread, type ThreadWork } from './thread-messages.ts'

// Readers come first where there are fewer processors than threads. Elsewhere this would slow the whole process.
if (process.platform === 'linux') setPriority(constants.priority.PRIORITY_BELOW_NORMAL)

const { blocks } = workerData as ThreadWork
const read = readBlocks()
parentPort?.postMessage(read, 'pieces' in read ? buffersIn(read.pieces) : [])

function readBlocks(): ReadByThread {
  try {
    return { pieces: readImport(joined(blocks)) }
  } catch (error) {
    if (error instanceof DomainError || error instanceof HttpError) {
      const { code, message } = error
      return { refused: { code, message, problems: 'problems' in error ? error.problems : [] } }
    }
    throw error
  }
}

/** A body whose length was known is one block. */
function joined(blocks: ThreadWork['blocks']): Uint8Array {
  const [only] = blocks
  return only && blocks.length === 1 ? only : Buffer.concat(blocks)
}
