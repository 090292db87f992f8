/** A password that changes while the service runs: rotated by an administrator, or a token that a sidecar renews. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { DomainError } from '../../src/domain/errors.ts'
import { asRoot, type Service, smallOrganisation, startService } from '../support/service.ts'
import { dropDatabase, freshDatabase } from '../support/stack.ts'

let databaseUrl: string
let role: string
let client: pg.Client
let folder: string
let service: Service

beforeEach(async () => {
  databaseUrl = await freshDatabase()
  client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  role = `rotating_${Date.now()}`
  await client.query(`CREATE ROLE ${role} LOGIN SUPERUSER PASSWORD 'first%&/'`)
  folder = mkdtempSync(path.join(tmpdir(), 'credentials-'))
})
afterEach(async () => {
  await service?.close()
  await client.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
  await client.end()
  await dropDatabase(databaseUrl)
  rmSync(folder, { recursive: true, force: true })
})

function urlOf(password: string): string {
  return Object.assign(new URL(databaseUrl), { username: role, password }).href
}

const refusal = () =>
  service.truth('ann').then(
    () => 'answered',
    (error: DomainError) => error.code,
  )

describe('a password in a file', () => {
  it.each([
    ['of its own', 'DATABASE_PASSWORD_FILE', (password: string) => `${password}\nolder\n`],
    ['as part of the URL', 'DATABASE_URL_FILE', (password: string) => `${urlOf(encodeURIComponent(password))}\n`],
  ])('%s is read again for each new connection', async (_where, variable, content) => {
    const file = path.join(folder, 'secret')
    writeFileSync(file, content('first%&/'))
    const environment = { [variable]: file, ...(variable === 'DATABASE_URL_FILE' && { DATABASE_URL: '' }) }
    service = await startService({ databaseUrl: urlOf(''), environment })
    await service.portcullis.mutations.importOrganisation(smallOrganisation, asRoot)

    await client.query(`ALTER ROLE ${role} PASSWORD 'second'`)
    await client.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '${role}'`)
    await expect.poll(refusal).toBe('database-misconfigured')
    const { troubles } = (await service.health.verbose()).database as { troubles: { code: string }[] }
    expect(troubles.map(({ code }) => code)).toContain('28P01')

    writeFileSync(file, content('second'))
    await expect.poll(refusal).toBe('answered')
    await expect.poll(() => service.visible('ann')).toHaveLength(1)
  })

  it('that is renewed in time lets reads go on, though every connection is made again', async () => {
    const file = path.join(folder, 'secret')
    writeFileSync(file, 'first%&/')
    service = await startService({ databaseUrl: urlOf(''), environment: { DATABASE_PASSWORD_FILE: file } })
    await service.portcullis.mutations.importOrganisation(smallOrganisation, asRoot)
    let running = true
    let answers = 0
    const refused: unknown[] = []
    const readers = Array.from({ length: 4 }, async () => {
      for (; running; answers++) {
        try {
          expect(await service.truth('ann')).toHaveLength(1)
        } catch (error) {
          // A read is sent once more; the second connection may be one that is being ended, too.
          if ((error as { code?: string }).code !== 'database-unavailable') refused.push(error)
        }
      }
    })
    for (const token of ['second', 'third', 'fourth']) {
      await client.query(`ALTER ROLE ${role} PASSWORD '${token}'`)
      writeFileSync(file, token)
      const before = answers
      await client.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '${role}'`)
      await expect.poll(() => answers).toBeGreaterThan(before + 20)
    }
    running = false
    await Promise.all(readers)
    expect(refused).toEqual([])
  })
})
