import request from 'supertest'
import { beforeAll, describe, expect, it } from 'vitest'
import { createTestApp, type TestApp } from '../../test/support/app.ts'
import { createOpenApiDocument } from './openapi.ts'
import { apiRoutes } from './routes/index.ts'

type Operation = {
  operationId: string
  responses: Record<string, { content?: Record<string, unknown> }>
  parameters?: { name: string; in: string }[]
}

describe('the OpenAPI document', () => {
  let test: TestApp
  let document: { openapi: string; paths: Record<string, Record<string, Operation>> }
  beforeAll(async () => {
    test = await createTestApp()
    document = (await request(test.app).get('/openapi.json')).body
  })

  it('is version 3.1 and lists every route with its path parameters', () => {
    expect(document.openapi).toBe('3.1.0')
    for (const route of apiRoutes) {
      const path = route.path.replace(/:(\w+)/g, '{$1}')
      const operation = document.paths[path]?.[route.method]
      expect(operation, `${route.method} ${path}`).toBeDefined()
      const declared = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
      const documented =
        operation?.parameters?.filter((parameter) => parameter.in === 'path').map((parameter) => parameter.name) ?? []
      expect(documented.sort()).toEqual(declared.sort())
    }
    for (const path of ['/livez', '/readyz', '/metrics', '/openapi.json', '/docs'])
      expect(document.paths).toHaveProperty([path, 'get'])
  })

  it('gives every operation one id of its own and only problems as refusals', () => {
    const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods))
    const ids = operations.map((operation) => operation.operationId)
    expect(new Set(ids).size).toBe(ids.length)
    for (const operation of operations)
      for (const [status, response] of Object.entries(operation.responses))
        if (Number(status) >= 400)
          expect(Object.keys(response.content ?? {})[0]).toBe(
            operation.operationId.includes('Scim') ? 'application/scim+json' : 'application/problem+json',
          )
  })

  it('names operations as a person would: a verb and its object', () => {
    for (const [path, methods] of Object.entries(document.paths))
      for (const [method, { operationId }] of Object.entries(methods)) {
        expect(operationId, `${method} ${path}`).toMatch(
          /^(list|get|create|put|patch|delete|replace|remove|explain|import|flush|follow|check|evaluate|search)[A-Z][A-Za-z]+$/,
        )
        expect(operationId).not.toMatch(/Id[A-Z]|IdId/)
      }
    const ids = (path: string) =>
      Object.fromEntries(
        Object.entries(document.paths[path] ?? {}).map(([method, { operationId }]) => [method, operationId]),
      )
    expect(ids('/resources')).toEqual({ get: 'listResources', post: 'createResource' })
    expect(ids('/groups/{id}/members/{userId}')).toEqual({ put: 'putMember', delete: 'removeMember' })
  })

  it('begins with what nearly everybody wants, not with the alphabet', () => {
    const { tags } = document as unknown as { tags: { name: string }[] }
    expect(tags.map(({ name }) => name).slice(0, 3)).toEqual(['Resources', 'Me', 'Users'])
    expect(tags.at(-1)?.name).toBe('Documentation')
  })

  it('shows for each refusal what it looks like, and nothing that has another status', () => {
    const { examples } = (
      document as unknown as { components: { examples: Record<string, { value: { status: number; type: string } }> } }
    ).components
    for (const methods of Object.values(document.paths))
      for (const { responses } of Object.values(methods))
        for (const [status, { content }] of Object.entries(responses)) {
          if (Number(status) < 400) continue
          const media = content?.['application/problem+json'] as
            | { examples: Record<string, { $ref: string }> }
            | undefined
          if (media === undefined) continue
          const shown = Object.values(media.examples).map(({ $ref }) => examples[$ref.split('/').at(-1) ?? ''])
          expect(shown.length).toBeGreaterThan(0)
          for (const example of shown) expect([example?.value.status, 422]).toContain(Number(status))
        }
  })

  it('refers only to what it defines', () => {
    const text = JSON.stringify(document)
    for (const [, name = ''] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g))
      expect(document).toHaveProperty(['components', 'schemas', name])
  })

  it('needs a token for everything but probes, metrics and documents', () => {
    const open = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.values(methods).flatMap((operation) => ('security' in operation ? [path] : [])),
    )
    expect(open.sort()).toEqual([
      '/',
      '/.well-known/authzen-configuration',
      '/console',
      '/console/configuration',
      '/docs',
      '/livez',
      '/metrics',
      '/openapi.json',
      '/readyz',
    ])
  })

  it('cannot be made of a route without a policy', () => {
    const [first] = apiRoutes
    expect(() =>
      createOpenApiDocument([{ ...first, policy: undefined } as unknown as (typeof apiRoutes)[number]]),
    ).toThrow()
  })
})

describe('the root', () => {
  it('says where things are, to anyone', async () => {
    const { app } = await createTestApp()
    const answer = await request(app).get('/')
    expect([answer.status, answer.body.links.documentation]).toEqual([200, '/docs'])
    for (const path of Object.values(answer.body.links as Record<string, string>))
      expect([path, (await request(app).get(path)).status]).toEqual([path, 200])
  })
})

describe('the root in a browser', () => {
  it.each(['text/html,application/xhtml+xml,*/*;q=0.8', 'text/html', 'text/html;q=0.9, application/json;q=0.1'])(
    'leads to the console, for %s',
    async (accept) => {
      const { app } = await createTestApp()
      const answer = await request(app).get('/').set('accept', accept)
      expect([answer.status, answer.headers.location]).toEqual([303, '/console'])
    },
  )

  it('is 406 for what is neither a page nor JSON', async () => {
    const { app } = await createTestApp()
    expect((await request(app).get('/').set('accept', 'image/png')).status).toBe(406)
  })
})

describe('the console', () => {
  it('contains no script and no style, and its policy allows none but files of this origin', async () => {
    const { app } = await createTestApp()
    const page = await request(app).get('/console').set('accept', 'text/html,application/xhtml+xml,*/*;q=0.8')
    const policy = page.headers['content-security-policy'] ?? ''
    expect(policy).toContain("default-src 'none'")
    for (const part of ['script-src', 'style-src', 'img-src', 'connect-src'])
      expect(policy).toContain(`${part} 'self';`)
    expect(policy).not.toMatch(/unsafe|https?:|data:/)
    expect(page.text).not.toMatch(/<style|style=|<script(?![^>]* src=)|https?:|onload=/)
  })
})

describe('the reference page', () => {
  it('keeps the token that was entered', async () => {
    const { app } = await createTestApp()
    expect((await request(app).get('/docs/initializer.js')).text).toContain('persistAuthorization: true')
  })

  it('is made of files of our own only, as the CSP demands', async () => {
    const { app } = await createTestApp()
    const page = await request(app).get('/docs').set('accept', 'text/html,application/xhtml+xml,*/*;q=0.8')
    expect(page.status).toBe(200)
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8')
    const policy = page.headers['content-security-policy'] ?? ''
    expect(policy).toContain("script-src 'self'")
    expect(policy).not.toContain('upgrade-insecure-requests')
    expect(page.text).not.toMatch(/https?:\/\/|<script>|onload=/)
    const linked = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path = '']) => path)
    expect(linked.length).toBeGreaterThanOrEqual(3)
    for (const path of linked) {
      const file = await request(app).get(path)
      expect([path, file.status]).toEqual([path, 200])
      expect(file.headers['content-type']).toMatch(/javascript|css|png/)
    }
  })
})
