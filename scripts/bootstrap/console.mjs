/** Builds the console when its sources or its tools changed since. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { exclusively } from './lock.mjs'

/** The API runs without its console, so a failed build is said and survived. */
export async function ensureConsole({ root, node, say }) {
  const current = fingerprint(root)
  if (isBuilt(root, current)) return
  await exclusively({ root, say }, async () => {
    if (isBuilt(root, current)) return
    say('building the console')
    const vite = path.join(root, 'node_modules', 'vite', 'bin', 'vite.js')
    const args = [vite, 'build', 'console', '--logLevel', 'warn']
    const { status, stdout, stderr } = spawnSync(node, args, { cwd: root, encoding: 'utf8' })
    if (status === 0) writeFileSync(stampFile(root), current)
    else say(`the console could not be built, everything else works:\n${stdout}${stderr}`)
  })
}

const isBuilt = (root, current) => existsSync(stampFile(root)) && readFileSync(stampFile(root), 'utf8') === current

/** Inside the built folder, so that deleting the folder deletes it. */
const stampFile = (root) => path.join(root, 'console', 'dist', '.built-from')

function fingerprint(root) {
  const hash = createHash('sha256')
  const folders = ['console', path.join('src', 'client')].map((folder) => path.join(root, folder))
  for (const file of [...folders.flatMap(sourcesOf), path.join(root, 'package-lock.json')])
    hash.update(path.relative(root, file)).update(readFileSync(file))
  return `${hash.digest('hex')}\n`
}

function sourcesOf(folder) {
  return readdirSync(folder, { recursive: true })
    .filter((name) => !name.startsWith('dist'))
    .map((name) => path.join(folder, name))
    .filter((file) => statSync(file).isFile())
    .sort()
}
