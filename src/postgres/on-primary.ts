/**
 * Reads that only the primary answers. A new connection is checked once, but through a pooler in transaction mode a
 * later statement may meet another server. A server in recovery answers these with an error. (Writes are refused there
 * anyway: transactions begin READ WRITE.)
 */

/** Evaluated once for the statement, before its first row. */
export const ON_PRIMARY = '(SELECT pg_current_wal_insert_lsn()) IS NOT NULL'

/** Any SELECT: its columns, and its rows in their order. */
export const onPrimary = (text: string): string => `SELECT asked.* FROM (
${text}
) AS asked WHERE ${ON_PRIMARY}`
