/** The console: a page and the files that the build made for it; in development a sign-in by a code that works once. */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { DomainError } from '../../domain/errors.ts'
import { anyone } from '../policies.ts'
import { json, type Reply } from '../reply.ts'
import { type Route, route } from '../route.ts'

const BUILT = fileURLToPath(new URL('../../../console/dist', import.meta.url))

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
}

/** Exchanges a code for an access token; null for a code that is unknown or used. */
export type RedeemCode = (code: string) => string | null

/** Only the page is listed in the API's document; its parts are files that only the page requests. */
export const consolePage = fileRoute({
  operationId: 'getConsole',
  path: '/console',
  file: 'index.html',
  summary: 'The console',
  // The answer of an issuer (RFC 6749, RFC 9207, OpenID Connect Session Management), which the page reads itself.
  query: z.strictObject(
    Object.fromEntries(
      ['code', 'state', 'iss', 'session_state', 'error', 'error_description', 'error_uri'].map((name) => [
        name,
        z.string().exactOptional(),
      ]),
    ),
  ),
})

/** All files of the page besides the page itself, as built. */
export function consoleParts(): Route[] {
  const part = { operationId: 'getPartOfConsole', summary: 'Part of the console' }
  return [...filesOf(''), ...filesOf('assets')]
    .filter((file) => file !== 'index.html' && TYPES[extname(file)] !== undefined)
    .map((file) => fileRoute({ ...part, path: `/console/${file}`, file }))
}

function filesOf(folder: string): string[] {
  if (!existsSync(join(BUILT, folder))) return []
  return readdirSync(join(BUILT, folder), { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => (folder === '' ? name : `${folder}/${name}`))
}

type FileRoute = Pick<Route, 'operationId' | 'path' | 'summary' | 'query'> & { readonly file: string }

function fileRoute({ operationId, path, file, summary, query }: FileRoute): Route {
  const produces = TYPES[extname(file)] ?? 'application/octet-stream'
  let content: { readonly body: Buffer; readonly etag: string } | undefined
  return route({
    operationId,
    method: 'get',
    path,
    summary,
    tag: 'Console',
    policy: anyone,
    ...(query !== undefined && { query }),
    produces,
    answers: [{ status: 200, description: summary, headers: ['ETag'] }],
    refuses: ['not-found'],
    handle(): Reply {
      content ??= read(file)
      return { status: 200, ...content, contentType: `${produces}; charset=utf-8`, security: 'console' }
    },
  })
}

function read(file: string) {
  const path = join(BUILT, file)
  if (!existsSync(path))
    throw new DomainError('not-found', 'the console is not built: `node node_modules/vite/bin/vite.js build console`')
  const body = readFileSync(path)
  return { body, etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 27)}"` }
}

/** How people sign in by OpenID Connect: a public client, code with PKCE. */
export interface ConsoleSignIn {
  readonly issuer: string
  readonly clientId: string
  readonly scope: string
  /** RFC 8707: what the token is for, where the issuer requires it. */
  readonly resource?: string | undefined
}

const configurationOut = z
  .object({
    signIn: z
      .object({
        issuer: z.string(),
        clientId: z.string(),
        scope: z.string(),
        resource: z.string().exactOptional(),
      })
      .nullable()
      .meta({ description: 'Null: people paste a token' }),
  })
  .meta({ id: 'ConsoleConfiguration' })

export const configurationRoute = (signIn: ConsoleSignIn | undefined): Route =>
  route({
    operationId: 'getConsoleConfiguration',
    method: 'get',
    path: '/console/configuration',
    summary: 'How people sign in to the console',
    tag: 'Console',
    policy: anyone,
    answers: [{ status: 200, description: 'The configuration', schema: configurationOut }],
    handle: () => json({ signIn: signIn ?? null }),
  })

/** Only the local stack has it. */
export function signInRoute(redeem: RedeemCode): Route {
  return route({
    operationId: 'redeemSignInCode',
    method: 'post',
    path: '/console/sign-in',
    summary: 'An access token for the code that `npm start` printed; the code works once',
    tag: 'Console',
    policy: anyone,
    body: z.strictObject({ code: z.string().regex(/^[\w-]{16,100}$/, { error: 'is not a code' }) }),
    answers: [{ status: 200, description: 'The token', schema: z.object({ token: z.string() }) }],
    refuses: ['not-found'],
    handle({ body: { code } }): Reply {
      const token = redeem(code)
      if (token === null) throw new DomainError('not-found', 'this code is unknown or has been used')
      return json({ token })
    },
  })
}
