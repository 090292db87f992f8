/** Reads a body of a declared media type within its limit; what it means is for the schema to say. */
import type { Hash } from 'node:crypto'
import { setImmediate as turnOfOthers } from 'node:timers/promises'
import express, { type Request, type Response } from 'express'
import { parsePlainJson } from './plain-json.ts'
import { HttpError } from './problem.ts'

const JSON_TYPES = ['application/json'] as const
export const MERGE_PATCH_TYPES = ['application/merge-patch+json', 'application/json'] as const
const DEFAULT_LIMIT_BYTES = 1024 * 1024

export interface BodyRules {
  readonly consumes?: readonly string[]
  readonly bodyLimitBytes?: number
  readonly bodyOptional?: true
}

type MediaTypeRefusal = 'malformed-request' | 'unsupported-media-type'

export interface ReadBody {
  /** As JSON; undefined where the route reads the bytes itself. */
  readonly value: unknown
  /** Together the body as it was before it was compressed; each has a buffer of its own where the route reads them. */
  readonly blocks: readonly Uint8Array<ArrayBuffer>[]
}

export type BodyReader = (req: Request, res: Response) => Promise<ReadBody>

/** Built once per route. */
export function createBodyReader({
  consumes = JSON_TYPES,
  bodyLimitBytes = DEFAULT_LIMIT_BYTES,
  bodyOptional,
  otherMediaTypes = 'unsupported-media-type',
  readsBody,
}: BodyRules & { readonly otherMediaTypes?: MediaTypeRefusal; readonly readsBody?: unknown }): BodyReader {
  const read = express.raw({ type: () => true, limit: bodyLimitBytes, inflate: true })

  return async (req, res) => {
    if (!announcesBody(req)) {
      if (bodyOptional) return { value: {}, blocks: [] }
      throw new HttpError('malformed-request', 'The request needs a body.')
    }
    if (Number(req.headers['content-length'] ?? 0) > bodyLimitBytes) throw tooLarge()
    checkMediaType(req, consumes, otherMediaTypes)
    // A client of HTTP/1.0 would take it for the answer (RFC 9110, 10.1.1).
    if (req.headers.expect?.toLowerCase() === '100-continue' && req.httpVersionMinor > 0) res.writeContinue()
    if (readsBody && !isCompressed(req)) return { value: undefined, blocks: await readInBlocks(req, bodyLimitBytes) }
    await new Promise<void>((resolve, reject) => {
      let received = 0
      // Express refuses only when the rest has come, too, which may be never.
      req.on('data', (chunk: Buffer) => {
        received += chunk.length
        if (received > bodyLimitBytes) reject(tooLarge())
      })
      read(req, res, (error?: unknown) => (error ? reject(error) : resolve()))
    })
    const bytes: unknown = req.body
    if (!Buffer.isBuffer(bytes)) throw new HttpError('malformed-request', 'The request needs a body.')
    const blocks = [bytes as Uint8Array<ArrayBuffer>]
    return { value: readsBody ? undefined : parsePlainJson(bytes), blocks }
  }
}

/** Putting a hundred megabytes together takes a tenth of a second and more, and no other request is answered meanwhile. */
const BLOCK_BYTES = 1024 * 1024

async function readInBlocks(req: Request, limitBytes: number): Promise<Uint8Array<ArrayBuffer>[]> {
  const blocks: Uint8Array<ArrayBuffer>[] = []
  // Where the length is known it is one block; what does not arrive takes no memory.
  let block = new Uint8Array(Number(req.headers['content-length'] ?? BLOCK_BYTES))
  let filled = 0
  let received = 0
  try {
    for await (const chunk of req as AsyncIterable<Buffer>) {
      received += chunk.length
      if (received > limitBytes) throw tooLarge()
      for (let taken = 0; taken < chunk.length; ) {
        if (filled === block.length) {
          blocks.push(block)
          block = new Uint8Array(BLOCK_BYTES)
          filled = 0
        }
        const part = chunk.subarray(taken, taken + block.length - filled)
        block.set(part, filled)
        filled += part.length
        taken += part.length
      }
    }
  } catch (cause) {
    if (cause instanceof HttpError) throw cause
    throw new HttpError('malformed-request', 'The body did not arrive whole.', { cause })
  }
  return [...blocks, filled === block.length ? block : block.slice(0, filled)]
}

/** In several turns of the event loop: the largest bodies take some tenths of a second. */
export async function hashInto(hash: Hash, blocks: ReadBody['blocks']): Promise<void> {
  for (const block of blocks) {
    for (let from = 0; from < block.length; from += BLOCK_BYTES) {
      if (block !== blocks[0] || from > 0) await turnOfOthers()
      hash.update(block.subarray(from, from + BLOCK_BYTES))
    }
  }
}

function isCompressed(req: Request): boolean {
  return (req.headers['content-encoding'] ?? 'identity').toLowerCase() !== 'identity'
}

/** The rest of it is not read, so the connection ends. */
const tooLarge = () =>
  new HttpError('payload-too-large', 'The body is larger than this call accepts.', { headers: { Connection: 'close' } })

function announcesBody(req: Request): boolean {
  const length = req.headers['content-length']
  return req.headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0')
}

function checkMediaType(req: Request, consumes: readonly string[], refusal: MediaTypeRefusal): void {
  const [type = '', ...parameters] = (req.headers['content-type'] ?? '')
    .toLowerCase()
    .split(';')
    .map((part) => part.trim())
  const charset = parameters.find((parameter) => parameter.startsWith('charset='))
  const isUtf8 = charset === undefined || /^charset="?(utf-8|utf8|us-ascii)"?$/.test(charset)
  if (consumes.includes(type) && isUtf8) return
  const accepted = consumes.join(', ')
  throw new HttpError(refusal, `Send the body as ${accepted} in UTF-8.`, {
    headers: req.method === 'PATCH' ? { 'Accept-Patch': accepted } : { 'Accept-Post': accepted },
  })
}
