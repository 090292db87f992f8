/** Prisma's own schema engine, in its WebAssembly form: what it says about a database is what the native one would say. */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { PrismaPg } from '@prisma/adapter-pg'
import * as bindings from '@prisma/schema-engine-wasm/schema_engine_bg'
import pg from 'pg'
import { shippedMigrations } from '../../src/postgres/migrate.ts'

const schemaFile = fileURLToPath(new URL('../../prisma/schema.prisma', import.meta.url))
const migrationsFolder = fileURLToPath(new URL('../../prisma/migrations', import.meta.url))

/** Object ids of PostgreSQL's types, and the engine's number for a single character. */
const CHAR_OID = 18
const TEXT_OID = 25
const CHARACTER = 6

const NOTHING_EXTERNAL = { externalTables: [], externalEnums: [] }

export interface SchemaEngine {
  /** The SQL that would turn the database into what the schema says; empty when they agree. */
  diffFrom(schema: string): Promise<string>
  /** What the engine thinks of the history in `_prisma_migrations` beside prisma/migrations. */
  diagnose(): Promise<bindings.DiagnoseMigrationHistoryOutput>
  /** Applies what is pending, as `prisma migrate deploy` does; the names applied. */
  deploy(): Promise<string[]>
}

export const shippedSchema = (): Promise<string> => readFile(schemaFile, 'utf8')

/** @param databaseUrl of a database nobody else uses meanwhile */
export async function withSchemaEngine<T>(databaseUrl: string, work: (engine: SchemaEngine) => Promise<T>): Promise<T> {
  await instantiated
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 2 })
  // A connection that is still closing hears that its database is dropped.
  pool.on('error', () => {})
  const files = async (content?: string) => [{ path: 'schema.prisma', content: content ?? (await shippedSchema()) }]
  const engine = await bindings.SchemaEngine.new(
    { datamodels: (await files()).map(({ path: name, content }) => [name, content]) },
    () => {},
    bindToEngine(createCharAwareFactory(pool)),
  )
  try {
    return await work({
      async diffFrom(schema) {
        const { stdout } = await engine.diff({
          from: { tag: 'schemaDatasource', files: await files(), configDir: path.dirname(schemaFile) },
          to: { tag: 'schemaDatamodel', files: await files(schema) },
          script: true,
          exitCode: null,
          filters: NOTHING_EXTERNAL,
        })
        return withoutComments(stdout)
      },
      async diagnose() {
        const migrationsList = await listMigrations()
        return engine.diagnoseMigrationHistory({
          migrationsList,
          optInToShadowDatabase: false,
          filters: NOTHING_EXTERNAL,
        })
      },
      async deploy() {
        const input = { migrationsList: await listMigrations(), filters: NOTHING_EXTERNAL }
        return (await engine.applyMigrations(input)).appliedMigrationNames
      },
    })
  } finally {
    engine.free()
    await pool.end()
  }
}

/** The engine's message before it traps; without this registry the message would be lost. */
Object.assign(globalThis, {
  PRISMA_WASM_PANIC_REGISTRY: {
    set_message(message: string) {
      throw new Error(`the schema engine panicked: ${message}`)
    },
  },
})

/** The compiler's library has this type for browsers only. */
const { WebAssembly } = globalThis as unknown as {
  WebAssembly: { instantiate(bytes: Buffer, imports: object): Promise<{ instance: { exports: unknown } }> }
}

const instantiated = (async () => {
  const file = new URL('schema_engine_bg.wasm', import.meta.resolve('@prisma/schema-engine-wasm/schema_engine_bg'))
  const { instance } = await WebAssembly.instantiate(await readFile(file), { './schema_engine_bg.js': { ...bindings } })
  const exported = instance.exports as { __wbindgen_start(): void }
  const { __wbg_set_wasm } = bindings as unknown as { __wbg_set_wasm(wasm: unknown): void }
  __wbg_set_wasm(exported)
  exported.__wbindgen_start()
})()

type Adapter = Awaited<ReturnType<PrismaPg['connect']>>
interface Answer {
  readonly fields: readonly { readonly dataTypeID: number }[]
}

/** The engine reads PostgreSQL's catalogue, whose one-byte `"char"` columns the adapter does not know. */
function createCharAwareFactory(pool: pg.Pool): PrismaPg {
  const factory = new PrismaPg(pool)
  const connect = factory.connect.bind(factory)
  factory.connect = async () => withCharColumns(await connect())
  return factory
}

function withCharColumns(adapter: Adapter): Adapter {
  const { queryRaw } = adapter
  const { performIO } = adapter as unknown as { performIO(query: unknown): Promise<Answer> }
  adapter.queryRaw = async (query) => {
    let isChar: readonly boolean[] = []
    const asText = Object.create(adapter, {
      performIO: {
        async value(each: unknown) {
          const answer = await performIO.call(adapter, each)
          isChar = answer.fields.map(({ dataTypeID }) => dataTypeID === CHAR_OID)
          const fields = answer.fields.map((field, at) => (isChar[at] ? { ...field, dataTypeID: TEXT_OID } : field))
          return { ...answer, fields }
        },
      },
    })
    const result = await queryRaw.call(asText, query)
    return { ...result, columnTypes: result.columnTypes.map((type, at) => (isChar[at] ? CHARACTER : type)) }
  }
  return adapter
}

/** The engine speaks to adapters through a wrapper that belongs to the very version of the adapter, so it is asked for there. */
function bindToEngine(factory: PrismaPg): object {
  const fromAdapter = createRequire(import.meta.resolve('@prisma/adapter-pg'))
  const { bindMigrationAwareSqlAdapterFactory } = fromAdapter('@prisma/driver-adapter-utils') as {
    bindMigrationAwareSqlAdapterFactory(factory: PrismaPg): object
  }
  return bindMigrationAwareSqlAdapterFactory(factory)
}

async function listMigrations(): Promise<bindings.MigrationList> {
  const lockfile = {
    path: 'migration_lock.toml',
    content: await readFile(path.join(migrationsFolder, 'migration_lock.toml'), 'utf8'),
  }
  const shipped = await shippedMigrations()
  return {
    baseDir: migrationsFolder,
    lockfile,
    shadowDbInitScript: '',
    migrationDirectories: shipped.map(({ name, sql }) => ({
      path: name,
      migrationFile: { path: 'migration.sql', content: { tag: 'ok', value: sql } },
    })),
  }
}

function withoutComments(script: string | null): string {
  if (script === null) throw new Error('the schema engine printed nothing: that proves nothing')
  return script.replace(/^--.*$/gm, '').trim()
}
