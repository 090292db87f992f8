/** Prisma's client on the pool's connections: for queries of administrators, with filters that a person chose. */
import { PrismaPg } from '@prisma/adapter-pg'
import { HOME } from './connection-settings.ts'
import { translated } from './failures.ts'
import { type Prisma, PrismaClient } from './generated/client.ts'
import { ON_PRIMARY } from './on-primary.ts'
import type { Database } from './pool.ts'

export interface PrismaReads {
  /**
   * Loads what the first query would wait for, and every reader with it: Prisma's query compiler stops the process for
   * about a tenth of a second. Never throws: the caller of a failed query gets the error.
   */
  open(): Promise<void>
  /** @throws DomainError `overloaded` when the queue is full, `database-unavailable` when PostgreSQL cannot be asked */
  ask<T>(read: (prisma: PrismaClient) => Prisma.PrismaPromise<T>): Promise<T>
}

export function createPrisma(database: Database): PrismaReads {
  let client: PrismaClient | undefined
  /** Prisma names the schema in each statement; the connection knows which it is. */
  async function connected(): Promise<PrismaClient> {
    if (client) return client
    const [row] = await database.query<{ schema: string }>({ name: 'home', text: `SELECT ${HOME} AS schema` }, [])
    client ??= new PrismaClient({ adapter: new PrismaPg(database.pool, { schema: row?.schema ?? 'public' }) })
    return client
  }

  const ask: PrismaReads['ask'] = async (read) => {
    const prisma = await connected()
    return database.admitted(async () => {
      try {
        return database.mayMeetStandby ? await readOnPrimary(prisma, read) : await read(prisma)
      } catch (error) {
        throw translatedFromPrisma(error)
      }
    })
  }

  return {
    ask,
    open: () =>
      ask((prisma) => prisma.user.findFirst({ select: { id: true } })).then(
        () => {},
        () => {},
      ),
  }
}

/** Prisma writes the statement, so it travels with another one: a transaction is on one server. */
async function readOnPrimary<T>(prisma: PrismaClient, read: (prisma: PrismaClient) => Prisma.PrismaPromise<T>) {
  const [, found] = await prisma.$transaction([prisma.$queryRawUnsafe(`SELECT ${ON_PRIMARY} AS primary`), read(prisma)])
  return found
}

/** Unreachable, timed out, closed, no connection in time. */
const UNREACHABLE_CODES = new Set(['P1001', 'P1002', 'P1008', 'P1017', 'P2024'])
const CONNECTION_FAILURE = '08006'

/** Errors that Prisma wraps have their SQLSTATE in different places. */
function translatedFromPrisma(error: unknown): unknown {
  const { code, meta, message } = error as { code?: unknown; meta?: unknown; message?: unknown }
  const found = /code.{0,12}?"?([0-9A-Z]{5})"/i.exec(`${JSON.stringify(meta) ?? ''} ${message}`)?.[1] ?? ''
  const state = UNREACHABLE_CODES.has(String(code)) ? CONNECTION_FAILURE : found
  return translated(Object.assign(new Error('the question failed', { cause: error }), { code: state || String(code) }))
}
