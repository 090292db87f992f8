/** Prisma's client on the pool's connections: for questions of administrators, whose filters are what a person chose. */
import { PrismaPg } from '@prisma/adapter-pg'
import { DomainError } from '../domain/errors.ts'
import { PrismaClient } from './generated/client.ts'
import type { Database } from './pool.ts'

export interface PrismaReads {
  /** @throws DomainError `overloaded` when the queue is full, `database-unavailable` when PostgreSQL cannot be asked */
  ask<T>(read: (prisma: PrismaClient) => Promise<T>): Promise<T>
}

export function createPrisma(database: Database): PrismaReads {
  const prisma = new PrismaClient({ adapter: new PrismaPg(database.pool) })
  return {
    ask: (read) =>
      database.admitted(async () => {
        try {
          return await read(prisma)
        } catch (error) {
          if (!isUnavailable(error)) throw error
          throw new DomainError('database-unavailable', 'the database cannot be reached', {
            retryAfterSeconds: 1,
            cause: error,
          })
        }
      }),
  }
}

/** Unreachable, timed out, closed, no connection in time; or a state of the server that says so, wherever it is put. */
const UNAVAILABLE_CODES = new Set(['P1001', 'P1002', 'P1008', 'P1017', 'P2024'])
const UNAVAILABLE_STATE = /code.{0,12}?"?(5[37]\w{3}|08\w{3}|55P03)"/

function isUnavailable(error: unknown): boolean {
  const { code, meta, message } = error as { code?: unknown; meta?: unknown; message?: unknown }
  return UNAVAILABLE_CODES.has(String(code)) || UNAVAILABLE_STATE.test(`${JSON.stringify(meta) ?? ''} ${message}`)
}
