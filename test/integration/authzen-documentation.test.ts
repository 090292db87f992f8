/** Each example of docs/authzen.md gives the answer that is printed below it. */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SAMPLE_ORGANISATION } from '../../src/local/sample-organisation.ts'
import { type AuthzenClient, authzenClient } from '../support/authzen.ts'
import { asRoot, PATIENT, type Service, startService } from '../support/service.ts'
import { dropDatabase, freshDatabase } from '../support/stack.ts'

const EXAMPLE = /```sh\nask (?<path>\S+) '(?<body>.+)'\n```\n```json\n(?<answer>[^`]+)```/g
const examples = [...readFileSync('docs/authzen.md', 'utf8').matchAll(EXAMPLE)].map(({ groups }) => ({ ...groups }))

describe('the page on AuthZEN', () => {
  let databaseUrl: string
  let service: Service
  let client: AuthzenClient
  beforeAll(async () => {
    databaseUrl = await freshDatabase()
    service = await startService({ databaseUrl, environment: PATIENT })
    client = await authzenClient(service)
    await service.portcullis.mutations.importOrganisation(SAMPLE_ORGANISATION, asRoot)
  })
  afterAll(async () => {
    await client?.close()
    await service?.close()
    if (databaseUrl) await dropDatabase(databaseUrl)
  })

  it('has an example of every call', () => {
    const paths = examples.map(({ path }) => path)
    expect(paths).toEqual(['evaluation', 'evaluations', 'search/subject', 'search/resource', 'search/action'])
  })

  it.each(examples)('$path answers as printed', async ({ path = '', body = '', answer = '' }) => {
    expect((await client.post(path, body)).body).toEqual(JSON.parse(answer))
  })
})
