/** Watches an application from outside: every answer it gives, to whichever client, is judged by its own document. */
import type { Express, Request, Response } from 'express'
import { accessMetadata } from '../../src/http/routes/access-metadata.ts'
import { configurationRoute, consolePage } from '../../src/http/routes/console.ts'
import { documentationRoutes } from '../../src/http/routes/documentation.ts'
import { healthRoutes, metricsRoute } from '../../src/http/routes/health.ts'
import { apiRoutes } from '../../src/http/routes/index.ts'
import { createMetrics } from '../../src/telemetry/index.ts'
import { type Contract, createContract, type OpenApiDocument } from '../security/contract.ts'
import { judgeLater } from './answer-findings.ts'

let contract: Contract | undefined

/** The document as the application serves it. */
export function documentServed(): OpenApiDocument {
  const health = healthRoutes({ ready: () => true, verbose: async () => ({}) })
  const [openApi] = documentationRoutes([
    ...apiRoutes,
    accessMetadata,
    ...health,
    metricsRoute(createMetrics()),
    consolePage,
    configurationRoute(undefined),
  ])
  const answer = openApi?.handle({} as never, {} as never) as { body: string } | undefined
  return JSON.parse(answer?.body ?? '') as OpenApiDocument
}

/** The judge that is made of it, once. */
export function documentContract(): Contract {
  contract ??= createContract(documentServed())
  return contract
}

/** @returns the same application */
export function observed(app: Express): Express {
  const judge = documentContract()
  // What the application calls itself for each request; Express's types do not name it.
  const inner = app as unknown as { handle: (req: Request, res: Response, next: unknown) => void }
  const { handle } = inner
  inner.handle = (req, res, next) => {
    watch(judge, req, res)
    handle.call(app, req, res, next)
  }
  return app
}

function watch(contract: Contract, { method, url: path }: Request, res: Response): void {
  const chunks: Buffer[] = []
  const headers: Record<string, string> = {}
  const { writeHead, write, end } = res
  res.writeHead = (status: number, ...rest: unknown[]) => {
    // The form that the application uses: names and values alternating.
    const given = rest.at(-1)
    if (Array.isArray(given))
      for (let at = 0; at < given.length; at += 2) headers[String(given[at]).toLowerCase()] = String(given[at + 1])
    return writeHead.call(res, status, ...(rest as [never]))
  }
  const keep = (chunk: unknown) => {
    if (typeof chunk === 'string' || Buffer.isBuffer(chunk)) chunks.push(Buffer.from(chunk as string))
  }
  res.write = (chunk: unknown, ...rest: unknown[]) => {
    keep(chunk)
    return write.call(res, chunk as string, ...(rest as [never]))
  }
  res.end = (chunk?: unknown, ...rest: unknown[]) => {
    keep(chunk)
    return end.call(res, chunk as string, ...(rest as [never]))
  }
  res.once('finish', () => {
    // Where metrics have a port of their own, the document does not list them either.
    if (path === '/metrics' && res.statusCode === 404) return
    // The same metadata once more, where a service is below a path of its host.
    if (path.startsWith(`${accessMetadata.path}/`)) return
    const answer = { status: res.statusCode, headers, rawHeaders: [], text: Buffer.concat(chunks).toString() }
    judgeLater(() =>
      contract.judge({ method, path }, answer).map((wrong) => `${method} ${path} ${answer.status}: ${wrong}`),
    )
  })
}
