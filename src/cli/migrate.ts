/** `npm run migrate`: applies the shipped migrations to DATABASE_URL. */
import { setTimeout as delay } from 'node:timers/promises'
import { isUnreachable } from '../postgres/failures.ts'
import { applyMigrations } from '../postgres/migrate.ts'
import { createScript, wholeNumber } from './script.ts'

const RETRY_MS = 1000

const { wait } = createScript(
  'npm run migrate',
  'Applies the shipped migrations to the database that DATABASE_URL names.',
)
  .addOption(wholeNumber('--wait <seconds>', 'how long to try again while the database cannot be reached').default(0))
  .parse()
  .opts<{ wait: number }>()

const url = process.env.DATABASE_URL
if (!url) {
  console.error(
    'DATABASE_URL is not set: it names the database to migrate, e.g. postgresql://user:password@host:5432/portcullis',
  )
  process.exit(2)
}
try {
  const { applied } = await applyWhenReachable(url, wait * 1000)
  console.log(applied.length === 0 ? 'The schema is up to date.' : `Applied: ${applied.join(', ')}`)
} catch (error) {
  console.error(`Migration failed: ${reasonOf(error)}`)
  process.exit(1)
}

/** In a cluster that is being installed, the database's name does not resolve yet, or nothing listens there. */
async function applyWhenReachable(databaseUrl: string, waitMs: number): Promise<{ applied: string[] }> {
  const giveUpAtMs = performance.now() + waitMs
  let said = ''
  const sayOnce = (reason: string) => {
    if (reason !== said) console.error(reason)
    said = reason
  }
  for (;;) {
    try {
      return await applyMigrations(databaseUrl, sayOnce)
    } catch (error) {
      if (!isUnreachable(error) || performance.now() >= giveUpAtMs) throw error
      sayOnce(`Waiting up to ${wait} s for the database: ${reasonOf(error)}`)
      await delay(RETRY_MS)
    }
  }
}

/** Where a name has several addresses, Node's error has no message but a code. */
function reasonOf(error: unknown): string {
  const { message, code } = error as NodeJS.ErrnoException
  return message || (code ?? String(error))
}
