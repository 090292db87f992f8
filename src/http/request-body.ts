/** Reads a body of a declared media type within its limit; what it means is for the schema to say. */
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
  readonly value: unknown
  readonly bytes: Buffer
}

export type BodyReader = (req: Request, res: Response) => Promise<ReadBody>

/** Built once per route. */
export function createBodyReader({
  consumes = JSON_TYPES,
  bodyLimitBytes = DEFAULT_LIMIT_BYTES,
  bodyOptional,
  otherMediaTypes = 'unsupported-media-type',
}: BodyRules & { readonly otherMediaTypes?: MediaTypeRefusal }): BodyReader {
  const read = express.raw({ type: () => true, limit: bodyLimitBytes, inflate: true })

  return async (req, res) => {
    if (!announcesBody(req)) {
      if (bodyOptional) return { value: {}, bytes: Buffer.alloc(0) }
      throw new HttpError('malformed-request', 'The request needs a body.')
    }
    if (Number(req.headers['content-length'] ?? 0) > bodyLimitBytes) throw tooLarge()
    checkMediaType(req, consumes, otherMediaTypes)
    // A client of HTTP/1.0 would take it for the answer (RFC 9110, 10.1.1).
    if (req.headers.expect?.toLowerCase() === '100-continue' && req.httpVersionMinor > 0) res.writeContinue()
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
    return { value: parsePlainJson(bytes), bytes }
  }
}

/** Nobody reads what is left of it, so the connection ends. */
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
