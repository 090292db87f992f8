/** `npx portcullis-cache migrate`: the package's tables, printed or applied, and triggers for the service's own. */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import {
  applyMigrations,
  DEFAULT_SCHEMA,
  printedGrants,
  printedMigrations,
  printedTriggers,
  type TriggerTag,
} from './migrations.ts'

const USAGE = `Usage: portcullis-cache migrate (--print | --url <postgres://…>) [--schema <name>] [--role <name>] [--triggers <file.json>]

  --print            print the SQL, for psql or for your own migration tool
  --url              apply what is missing, in one transaction; the role must own the database, or may create schemas
  --schema           where the tables are; default: ${DEFAULT_SCHEMA}
  --role             what the service connects as, where that is not the owner of these tables: it gets its grants
  --triggers         triggers for your own tables too, from {"prices": [{"tag": "g", "column": "customer_group"}]}
`

async function main(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      print: { type: 'boolean' },
      url: { type: 'string' },
      schema: { type: 'string', default: DEFAULT_SCHEMA },
      role: { type: 'string' },
      triggers: { type: 'string' },
      help: { type: 'boolean' },
    },
  })
  const { print, url, schema, role, triggers, help } = values
  if (help || positionals[0] !== 'migrate' || positionals.length > 1 || Boolean(print) === Boolean(url)) {
    process.stderr.write(USAGE)
    return help ? 0 : 2
  }
  const tables = triggers ? (JSON.parse(readFileSync(triggers, 'utf8')) as Record<string, TriggerTag[]>) : {}
  const beside = (role ? printedGrants(role, schema) : '') + printedTriggers(tables, schema)
  if (url) return apply({ url, schema, beside })
  process.stdout.write(`${printedMigrations(schema)}\n${beside}`)
  return 0
}

async function apply({
  url,
  schema,
  beside,
}: {
  url: string
  schema: string
  /** Grants and triggers; safe to run again. */
  beside: string
}): Promise<number> {
  const { default: pg } = await import('pg')
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const applied = await applyMigrations(client, schema)
    if (beside) await client.query(beside)
    process.stdout.write(`${schema}: ${applied.length === 0 ? 'nothing to apply' : `applied ${applied.join(', ')}`}\n`)
    return 0
  } finally {
    await client.end()
  }
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code
  },
  (error: Error) => {
    process.stderr.write(`portcullis-cache: ${error.message}\n`)
    process.exitCode = 1
  },
)
