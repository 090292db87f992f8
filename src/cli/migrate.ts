/** `npm run migrate`: applies the shipped migrations to DATABASE_URL. */
import { applyMigrations } from '../postgres/migrate.ts'
import { createScript } from './script.ts'

createScript('npm run migrate', 'Applies the shipped migrations to the database that DATABASE_URL names.').parse()

const url = process.env.DATABASE_URL
if (!url) {
  console.error(
    'DATABASE_URL is not set: it names the database to migrate, e.g. postgresql://user:password@host:5432/portcullis',
  )
  process.exit(2)
}
try {
  const { applied } = await applyMigrations(url)
  console.log(applied.length === 0 ? 'The schema is up to date.' : `Applied: ${applied.join(', ')}`)
} catch (error) {
  console.error(`Migration failed: ${(error as Error).message}`)
  process.exit(1)
}
