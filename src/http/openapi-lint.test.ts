/** The document under Spectral's rules for OpenAPI, as `.spectral.yaml` sets them for everybody's editor, too. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import request from 'supertest'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { createTestApp } from '../../test/support/app.ts'

/** What is used of Spectral; its own types need a DOM. */
interface Finding {
  readonly code: string | number
  readonly message: string
  readonly path: readonly (string | number)[]
}
interface SpectralModule {
  readonly Spectral: new () => {
    setRuleset(ruleset: object): void
    run(document: unknown): Promise<Finding[]>
  }
}

const require = createRequire(import.meta.url)
const { Spectral } = require('@stoplight/spectral-core') as SpectralModule
const { oas } = require('@stoplight/spectral-rulesets') as { oas: object }

const ruleset = parse(readFileSync('.spectral.yaml', 'utf8')) as { rules: Record<string, unknown> }

async function findings(document: unknown): Promise<string[]> {
  const spectral = new Spectral()
  spectral.setRuleset({ extends: [[oas, 'all']], rules: ruleset.rules })
  return (await spectral.run(document)).map(({ code, path, message }) => `${code} ${path.join('.')}: ${message}`)
}

/** Spectral loads its rules for seconds on a busy machine. */
describe('the OpenAPI document under Spectral', { timeout: 60_000 }, () => {
  it('has nothing to find', async () => {
    const { app } = await createTestApp()
    expect(await findings((await request(app).get('/openapi.json')).body)).toEqual([])
  })

  it('would be found out: a doubled operation id, a tag that nothing declares, an example that does not fit', async () => {
    const { app } = await createTestApp()
    const document = (await request(app).get('/openapi.json')).body
    document.paths['/me'].get.operationId = document.paths['/resources'].get.operationId
    document.paths['/me'].get.tags = ['Nowhere']
    document.paths['/groups'].post.requestBody.content['application/json'].example = { name: 7 }
    const found = (await findings(document)).join('\n')
    for (const rule of ['operation-operationId-unique', 'operation-tag-defined', 'oas3-valid-media-example'])
      expect(found).toContain(rule)
  })
})
