/** The audit log as administrators read it, newest first. */
import type { AuditEntry, AuditQuery, Page } from '../domain/api.ts'
import type { CursorCodec } from '../domain/cursor.ts'
import type { JsonValue } from '../domain/model.ts'
import type { Prisma } from './generated/client.ts'
import type { PrismaReads } from './prisma.ts'

export interface AuditTrail {
  /** @throws DomainError `invalid-input` for a cursor of another query */
  entries(query: AuditQuery): Promise<Page<AuditEntry>>
}

export function createAuditTrail({
  prisma,
  cursors,
}: {
  readonly prisma: PrismaReads
  readonly cursors: CursorCodec
}): AuditTrail {
  return {
    async entries({ limit, cursor, reader, ...filters }) {
      const { actor, action, target, since, until } = filters
      const scope = ['audit', actor, action, target, since?.toISOString(), until?.toISOString(), reader]
      const [at, id] = cursor === undefined ? [] : cursors.decode(scope, cursor)
      const after = at !== undefined && id !== undefined ? [behind(new Date(at), BigInt(id))] : []
      const rows = await prisma.ask(({ auditLog }) =>
        auditLog.findMany({
          where: { AND: [...filtersOf(filters), ...after] },
          orderBy: [{ at: 'desc' }, { id: 'desc' }],
          take: limit + 1,
        }),
      )
      const data = rows.slice(0, limit).map(({ id, at, before, after, ...row }) => ({
        id: String(id),
        at: at.toISOString(),
        ...row,
        before: before as JsonValue,
        after: after as JsonValue,
      }))
      const last = data.at(-1)
      const more = rows.length > limit && last
      return { data, nextCursor: more ? cursors.encode(scope, [last.at, last.id]) : null }
    },
  }
}

function filtersOf({ actor, action, target, since, until }: Partial<AuditQuery>): Prisma.AuditLogWhereInput[] {
  return [
    ...(actor === undefined ? [] : [{ actor }]),
    ...(action === undefined ? [] : [{ action }]),
    ...(target === undefined ? [] : [{ target }]),
    ...(since === undefined ? [] : [{ at: { gte: since } }]),
    ...(until === undefined ? [] : [{ at: { lt: until } }]),
  ]
}

/** The first condition is the one that an index can follow. */
function behind(at: Date, id: bigint): Prisma.AuditLogWhereInput {
  return { at: { lte: at }, OR: [{ at: { lt: at } }, { id: { lt: id } }] }
}
