/** A database of its own with the package's tables and a table of prices, as an application of the package has. */
import pg from 'pg'
import { applyMigrations } from '../../src/package/postgres.ts'
import { dropDatabase, emptyDatabase } from './stack.ts'

export async function pricedDatabase() {
  const url = await emptyDatabase()
  const pool = new pg.Pool({ connectionString: url, max: 4 })
  // A connection that is still closing hears that its database is dropped.
  pool.on('error', () => {})
  /** Ended before the pool, the last first. */
  const closing: (() => Promise<unknown>)[] = []
  async function migrate(schema?: string): Promise<number[]> {
    const client = await pool.connect()
    try {
      return await applyMigrations(client, schema)
    } finally {
      client.release()
    }
  }
  async function closeOpened(): Promise<void> {
    for (const close of closing.splice(0).reverse()) await close()
  }
  await migrate()
  await pool.query(`CREATE TABLE prices (customer_group text, article text, cents integer);
    INSERT INTO prices VALUES ('gold', 'tea', 100), ('silver', 'tea', 150)`)
  return {
    url,
    pool,
    closing,
    migrate,
    closeOpened,
    async close() {
      await closeOpened()
      await pool.end()
      await dropDatabase(url)
    },
  }
}

export type PricedDatabase = Awaited<ReturnType<typeof pricedDatabase>>
