/** The OpenAPI document, and a reference page made of files of our own, so that it works under the CSP. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { Request } from 'express'
import { z } from 'zod'
import { createOpenApiDocument } from '../openapi.ts'
import { anyone } from '../policies.ts'
import { json, type Reply } from '../reply.ts'
import { type Route, route } from '../route.ts'
import { anyObject } from '../schemas.ts'

const INITIALIZER = `window.ui = SwaggerUIBundle({ url: '/openapi.json', dom_id: '#swagger-ui', deepLinking: true, filter: true, persistAuthorization: true, validatorUrl: null })\n`

const PAGE = `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Portcullis API</title>
  <link rel="stylesheet" href="/docs/swagger-ui.css">
  <link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
</head>
<body>
  <div id="swagger-ui"></div>
  <script src="/docs/swagger-ui-bundle.js"></script>
  <script src="/docs/initializer.js"></script>
</body>
</html>
`

const INDEX = {
  service: 'portcullis',
  links: {
    console: '/console',
    documentation: '/docs',
    openapi: '/openapi.json',
    liveness: '/livez',
    readiness: '/readyz',
  },
}
const indexOut = z.object({ service: z.string(), links: z.record(z.string(), z.string()) }).meta({ id: 'Index' })

const ASSETS: readonly { readonly file: string; readonly type: string }[] = [
  { file: 'swagger-ui.css', type: 'text/css' },
  { file: 'swagger-ui-bundle.js', type: 'text/javascript' },
  { file: 'favicon-32x32.png', type: 'image/png' },
]

/** @param described the routes the document lists; the document's own are added */
export function documentationRoutes(described: readonly Route[]): Route[] {
  let document: string | undefined
  const openApi = route({
    operationId: 'getOpenApiDocument',
    method: 'get',
    path: '/openapi.json',
    summary: 'This document',
    tag: 'Documentation',
    policy: anyone,
    answers: [{ status: 200, description: 'OpenAPI 3.1', schema: anyObject }],
    handle(): Reply {
      document ??= JSON.stringify(createOpenApiDocument([...described, index, openApi, docs]))
      return { status: 200, body: document }
    },
  })
  const index = route({
    operationId: 'getIndex',
    method: 'get',
    path: '/',
    summary: 'Links to the documentation and the probes',
    tag: 'Documentation',
    policy: anyone,
    redirects: ['text/html'],
    answers: [
      { status: 200, description: 'Links', schema: indexOut },
      { status: 303, description: 'Sends a browser to the console', headers: ['Location'] },
    ],
    handle: ({ http }) => (prefersPage(http) ? toConsole() : json(INDEX)),
  })
  const docs = fileRoute({
    operationId: 'getReferencePage',
    path: '/docs',
    produces: 'text/html',
    summary: 'The reference page',
    read: () => PAGE,
  })
  const part = { operationId: 'getPartOfReferencePage', summary: 'Part of the reference page' }
  return [
    openApi,
    docs,
    index,
    fileRoute({ ...part, path: '/docs/initializer.js', produces: 'text/javascript', read: () => INITIALIZER }),
    ...ASSETS.map(({ file, type }) =>
      fileRoute({
        ...part,
        path: `/docs/${file}`,
        produces: type,
        read: () => readFileSync(join(assetFolder(), file)),
      }),
    ),
  ]
}

/** A person's browser asks for HTML before anything else; clients ask for JSON or for anything. */
function prefersPage(req: Request): boolean {
  return req.headers.accept !== undefined && req.accepts(['application/json', 'text/html']) === 'text/html'
}

const toConsole = (): Reply => ({ status: 303, headers: ['Location', '/console'] })

type FileRoute = Pick<Route, 'operationId' | 'path' | 'summary'> & {
  readonly produces: string
  readonly read: () => string | Buffer
}

/** Content is read at the first request and kept: most processes never show the page. */
function fileRoute({ operationId, path, produces, summary, read }: FileRoute): Route {
  let body: string | Buffer | undefined
  return route({
    operationId,
    method: 'get',
    path,
    summary,
    tag: 'Documentation',
    policy: anyone,
    produces,
    answers: [{ status: 200, description: summary }],
    handle(): Reply {
      body ??= read()
      return { status: 200, body, contentType: produces.startsWith('text/') ? `${produces}; charset=utf-8` : produces }
    },
  })
}

function assetFolder(): string {
  return dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'))
}
