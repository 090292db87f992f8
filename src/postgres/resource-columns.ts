/** The columns of a resource: those that its writers fill, and those that the service keeps. */
import { RESOURCE_CONTENT } from '../domain/model.ts'

/** @param table its name in the statement */
export const contentColumns = (table: string): string => RESOURCE_CONTENT.map((name) => `${table}.${name}`).join(', ')

/** Rows that are a `Resource` of the domain. */
export const RESOURCE = `id, ${RESOURCE_CONTENT.join(', ')}, version, created_at AS "createdAt", updated_at AS "updatedAt"`

/** As `toISOString` writes it. */
export const UPDATED_AT = `to_char(r.updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`
