/** Each example of docs/scim.md gives the answer that is printed below it, in the order of the page. */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SAMPLE_ORGANISATION } from '../../src/local/sample-organisation.ts'
import { type ScimClient, scimClient } from '../support/scim.ts'
import { asRoot, type Service, startService } from '../support/service.ts'
import { dropDatabase, freshDatabase } from '../support/stack.ts'

const EXAMPLE = /```sh\nscim (?<method>[A-Z]+) '(?<path>[^']+)'(?: '(?<body>.+)')?\n```\n```json\n(?<answer>[^`]+)```/g
const examples = [...readFileSync('docs/scim.md', 'utf8').matchAll(EXAMPLE)].map(({ groups }) => ({ ...groups }))

describe('the page on SCIM', () => {
  let databaseUrl: string
  let service: Service
  let scim: ScimClient
  beforeAll(async () => {
    databaseUrl = await freshDatabase()
    service = await startService({ databaseUrl })
    scim = await scimClient(service)
    await service.portcullis.mutations.importOrganisation(SAMPLE_ORGANISATION, asRoot)
  })
  afterAll(async () => {
    await scim?.close()
    await service?.close()
    await dropDatabase(databaseUrl)
  })

  it('has examples', () => expect(examples.map(({ method }) => method)).toEqual(['GET', 'POST', 'PATCH']))

  it.each(examples)('$method $path answers as printed', async ({ method = '', path = '', body, answer = '' }) => {
    expect((await scim.send(method, `/${path}`, body)).body).toEqual(JSON.parse(answer))
  })
})
