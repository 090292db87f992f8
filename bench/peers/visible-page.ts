/** The page that every peer caches, from the same SQL statement as the service's own fallback, through Prisma. */
import { PrismaPg } from '@prisma/adapter-pg'
import { PrismaClient } from '../../src/postgres/generated/client.ts'
import { VISIBLE_PAGE } from '../../src/postgres/visibility.ts'
import { settings } from './settings.ts'

const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: settings.databaseUrl, max: 10 }) })

/** Items on the page where the request does not say. */
export const LIMIT = 50

interface Row {
  id: string
  name: string
  kind: string
  description: string | null
  attributes: object
  permission: string
  version: number
  updated_at: Date
}

export interface VisiblePage {
  readonly data: readonly object[]
  readonly nextCursor: null
}

export async function visiblePage(user: string, limit: number): Promise<VisiblePage> {
  const rows = await prisma.$queryRawUnsafe<Row[]>(VISIBLE_PAGE.text, user, limit, null, null, null, null, null)
  const data = rows.map(({ id, name, kind, description, attributes, permission, version, updated_at }) => {
    const updatedAt = updated_at.toISOString()
    return { id, name, kind, description, attributes, permission, version, updatedAt }
  })
  return { data, nextCursor: null }
}
