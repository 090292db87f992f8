/** Brings node_modules to what the lock file says, with the npm that runs us. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { exclusively } from './lock.mjs'

/** @throws Error when npm cannot install them */
export async function ensureDependencies({ root, say }) {
  if (isComplete(root)) return
  await exclusively({ root, say }, async () => {
    if (isComplete(root)) return
    say('installing the dependencies (`npm ci`, about a minute)')
    const startedAt = Date.now()
    install(root)
    const missing = missingFrom(root)
    if (missing === null || missing.length > 0)
      throw new Error(
        `\`npm ci\` left out ${missing === null ? 'everything' : missing.slice(0, 5).join(', ')}: run it by hand and look at what it says`,
      )
    writeFileSync(stampFile(root), fingerprint(root))
    say(`dependencies installed in ${Math.round((Date.now() - startedAt) / 1000)} s`)
  })
}

function isComplete(root) {
  if (!existsSync(stampFile(root))) return adoptWhatIsThere(root)
  return readFileSync(stampFile(root), 'utf8') === fingerprint(root) || adoptWhatIsThere(root)
}

/** Somebody ran `npm ci` or `npm install` by hand: what npm noted down about it tells whether all of it is there. */
function adoptWhatIsThere(root) {
  const complete = missingFrom(root)?.length === 0
  if (complete) writeFileSync(stampFile(root), fingerprint(root))
  return complete
}

/** Null where nothing was installed, or nobody can tell. */
function missingFrom(root) {
  const installed = readJson(path.join(root, 'node_modules', '.package-lock.json'))?.packages
  const wanted = readJson(path.join(root, 'package-lock.json'))?.packages
  if (!installed || !wanted) return null
  const isThere = ([name, { version, optional, peer }]) =>
    name === '' || (installed[name] ? installed[name].version === version : Boolean(optional || peer))
  return Object.entries(wanted)
    .filter((each) => !isThere(each))
    .map(([name]) => name.replace(/^.*node_modules\//, ''))
}

function install(root) {
  // Not the `node` that runs this: it may be the packaged one, which npm is about to replace.
  const node = process.env.npm_node_execpath ?? process.execPath
  const npm = process.env.npm_execpath
  // Errors only: its warnings are about the host's Node, which runs nothing but this installation.
  // With everything, whatever NODE_ENV, npm_config_omit or an .npmrc of this machine leave out: without the development
  // dependencies there is no Node, no PostgreSQL and no Prisma to run.
  const ci = ['ci', '--loglevel=error', '--include=dev', '--include=optional']
  const [command, args] = npm && /npm-cli\.c?js$/.test(npm) ? [node, [npm, ...ci]] : ['npm', ci]
  const env = { ...process.env, PRISMA_SKIP_POSTINSTALL_GENERATE: '1' }
  const { status, error } = spawnSync(command, args, { cwd: root, env, stdio: ['ignore', 2, 2] })
  if (status !== 0) throw new Error(`\`npm ci\` failed${error ? `: ${error.message}` : '; its messages are above'}`)
}

const stampFile = (root) => path.join(root, 'node_modules', '.portcullis-installed')

/** The dependencies of another system or processor are others. `v2`: a former stamp could stand for an installation without parts. */
function fingerprint(root) {
  const lock = readFileSync(path.join(root, 'package-lock.json'))
  return `v2 ${process.platform}-${process.arch} ${createHash('sha256').update(lock).digest('hex')}\n`
}

function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return null
  }
}
