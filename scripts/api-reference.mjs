/**
 * `npm run api`: the reference of the package from its doc comments, as HTML in dist/api. Fails where something that is
 * exported has none. TypeDoc is installed on the first run, beside its configuration.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { createScript } from '../src/cli/script.ts'

createScript('npm run api', "The package's API reference from its doc comments, as HTML in dist/api.").parse()

const folder = path.join(import.meta.dirname, 'api-reference')
const typedoc = path.join(folder, 'node_modules', 'typedoc', 'bin', 'typedoc')

if (!existsSync(typedoc)) {
  const npm = process.env.npm_execpath
  const [command, args] = npm ? [process.execPath, [npm, 'ci']] : ['npm', ['ci']]
  run(command, args)
}
run(process.execPath, [typedoc, '--options', path.join(folder, 'typedoc.json')])

function run(command, args) {
  const { status } = spawnSync(command, args, { cwd: folder, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}
