/** Generates Prisma's client when the schema or Prisma changed since. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { exclusively } from './lock.mjs'

/** @throws Error with Prisma's own words when it fails */
export async function ensureDatabaseClient({ root, node, say }) {
  if (isCurrent(root)) return
  await exclusively({ root, say }, async () => {
    if (isCurrent(root)) return
    say('generating the database client')
    // The command looks for a native engine that generating does not use; any existing file keeps it from downloading one.
    const env = {
      ...process.env,
      PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
      PRISMA_HIDE_UPDATE_MESSAGE: '1',
      CHECKPOINT_DISABLE: '1',
    }
    const prisma = path.join(root, 'node_modules', 'prisma', 'build', 'index.js')
    const { status, stdout, stderr } = spawnSync(node, [prisma, 'generate'], { cwd: root, env, encoding: 'utf8' })
    if (status !== 0) throw new Error(`\`prisma generate\` failed:\n${stdout}${stderr}`)
    writeFileSync(stampFile(root), fingerprint(root))
  })
}

function isCurrent(root) {
  return existsSync(stampFile(root)) && readFileSync(stampFile(root), 'utf8') === fingerprint(root)
}

/** Inside the generated folder, so that deleting the folder deletes it. */
const stampFile = (root) => path.join(root, 'src', 'postgres', 'generated', '.generated-from')

function fingerprint(root) {
  const schema = readFileSync(path.join(root, 'prisma', 'schema.prisma'))
  const prisma = readFileSync(path.join(root, 'node_modules', 'prisma', 'package.json'))
  return `${createHash('sha256').update(schema).update(prisma).digest('hex')}\n`
}
