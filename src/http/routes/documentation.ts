/** The OpenAPI document, and a reference page made of files of our own, so that it works under the CSP. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { createOpenApiDocument } from '../openapi.ts'
import { anyone } from '../policies.ts'
import type { Reply } from '../reply.ts'
import { type Route, route } from '../route.ts'
import { anyObject } from '../schemas.ts'

const INITIALIZER = `window.ui = SwaggerUIBundle({ url: '/openapi.json', dom_id: '#swagger-ui', deepLinking: true, validatorUrl: null })\n`

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

const ASSETS: readonly { readonly file: string; readonly type: string }[] = [
  { file: 'swagger-ui.css', type: 'text/css' },
  { file: 'swagger-ui-bundle.js', type: 'text/javascript' },
  { file: 'favicon-32x32.png', type: 'image/png' },
]

/** @param described the routes the document lists; the document's own are added */
export function documentationRoutes(described: readonly Route[]): Route[] {
  let document: string | undefined
  const openApi = route({
    method: 'get',
    path: '/openapi.json',
    summary: 'This document',
    tag: 'Documentation',
    policy: anyone,
    answers: [{ status: 200, description: 'OpenAPI 3.1', schema: anyObject }],
    handle(): Reply {
      document ??= JSON.stringify(createOpenApiDocument([...described, openApi, docs]))
      return { status: 200, bytes: document }
    },
  })
  const docs = fileRoute('/docs', 'text/html', 'The reference page', () => PAGE)
  return [
    openApi,
    docs,
    fileRoute('/docs/initializer.js', 'text/javascript', 'Part of the reference page', () => INITIALIZER),
    ...ASSETS.map(({ file, type }) =>
      fileRoute(`/docs/${file}`, type, 'Part of the reference page', () => readFileSync(join(assetFolder(), file))),
    ),
  ]
}

/** Content is read at the first request and kept: most processes never show the page. */
function fileRoute(path: string, produces: string, summary: string, read: () => string | Buffer): Route {
  let bytes: string | Buffer | undefined
  return route({
    method: 'get',
    path,
    summary,
    tag: 'Documentation',
    policy: anyone,
    produces,
    answers: [{ status: 200, description: summary }],
    handle(): Reply {
      bytes ??= read()
      return { status: 200, bytes, contentType: produces.startsWith('text/') ? `${produces}; charset=utf-8` : produces }
    },
  })
}

function assetFolder(): string {
  return dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'))
}
