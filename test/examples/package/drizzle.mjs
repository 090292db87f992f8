/** Transactions of Drizzle, by the same two calls. Its declarations do not pass this repository's type check, so it is JavaScript. */
import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'

/** For `postgresLog({ pool, ...drizzleTransactions(pool) })`. */
export function drizzleTransactions(pool) {
  const db = drizzle(pool)
  return {
    transaction: (work) => db.transaction(work),
    async statement(tx, text, values) {
      const parts = text.split(/\$\d+/).map((part) => sql.raw(part))
      const query = parts.flatMap((part, at) => (at < values.length ? [part, sql.param(values[at])] : [part]))
      return (await tx.execute(sql.join(query))).rows
    },
  }
}

export const setPrice = (tx, cents) => tx.execute(sql`UPDATE prices SET cents = ${cents} WHERE customer_group = 'gold'`)
