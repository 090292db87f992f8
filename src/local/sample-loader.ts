/** Fills an empty database through the API, so that the very first start exercises the write path. */
import pg from 'pg'
import type { ImportCounts } from '../domain/api.ts'
import { SAMPLE_ORGANISATION } from './sample-organisation.ts'

/** @returns null when the database holds users already */
export async function loadSampleOrganisation(options: {
  readonly databaseUrl: string
  readonly apiUrl: string
  readonly adminToken: string
}): Promise<ImportCounts | null> {
  if (await hasUsers(options.databaseUrl)) return null
  const response = await fetch(`${options.apiUrl}/import`, {
    method: 'POST',
    headers: { authorization: `Bearer ${options.adminToken}`, 'content-type': 'application/json' },
    body: JSON.stringify(SAMPLE_ORGANISATION),
  })
  const body = await response.text()
  if (!response.ok) throw new Error(`the sample organisation was refused (${response.status}): ${body}`)
  return JSON.parse(body) as ImportCounts
}

async function hasUsers(databaseUrl: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    const { rows } = await client.query<{ present: boolean }>('SELECT EXISTS (SELECT FROM users) AS present')
    return rows[0]?.present === true
  } finally {
    await client.end()
  }
}
