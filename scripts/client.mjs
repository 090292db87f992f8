/** `npm run client`: the typed client, generated again and packed into dist/, for Node and browsers. */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'
import { createScript } from '../src/cli/script.ts'
import { writeGenerated } from './client/generated.mjs'

const { keepTypes } = createScript(
  'npm run client',
  'Makes the typed client of the OpenAPI document, and packs it: dist/*.tgz.',
)
  .option('--keep-types', 'pack what src/client/generated.ts holds now')
  .parse()
  .opts()

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..')
const dist = path.join(root, 'dist')
const folder = path.join(dist, 'client')
const read = (...names) => readFileSync(path.join(root, ...names), 'utf8')

if (!keepTypes) await writeGenerated()
rmSync(folder, { recursive: true, force: true })
mkdirSync(folder, { recursive: true })
await bundle()
declare()
describe()
pack()

async function bundle() {
  const build = await rolldown({
    cwd: root,
    input: { index: 'src/client/index.ts' },
    platform: 'neutral',
    treeshake: { moduleSideEffects: false },
    resolve: { mainFields: ['module', 'main'] },
    transform: { target: 'es2022' },
  })
  await build.write({ dir: folder, format: 'esm', comments: { legal: true, annotation: true, jsdoc: false } })
  await build.close()
}

function declare() {
  const config = path.join(dist, 'tsconfig.client.json')
  const compilerOptions = {
    noEmit: false,
    declaration: true,
    emitDeclarationOnly: true,
    rewriteRelativeImportExtensions: true,
    outDir: path.join(folder, 'types'),
    rootDir: path.join(root, 'src', 'client'),
  }
  const files = [path.join(root, 'src', 'client', 'index.ts')]
  writeFileSync(config, JSON.stringify({ extends: '../tsconfig.json', compilerOptions, files, include: [] }))
  execFileSync(process.execPath, [path.join(root, 'node_modules/typescript/bin/tsc'), '-p', config], {
    stdio: 'inherit',
  })
  rmSync(config)
}

function describe() {
  const { version, license, repository } = JSON.parse(read('package.json'))
  const description = {
    name: 'portcullis-client',
    version,
    description:
      'The API of Portcullis, typed: pages as iterators, retries with one effect, reads that see your changes.',
    license,
    // The registry accepts a provenance only where both name the same repository.
    repository,
    type: 'module',
    engines: { node: '>=20.3' },
    sideEffects: false,
    exports: { '.': { types: './types/index.d.ts', default: './index.js' }, './package.json': './package.json' },
  }
  writeFileSync(path.join(folder, 'package.json'), `${JSON.stringify(description, null, 2)}\n`)
  cpSync(path.join(root, 'LICENSE'), path.join(folder, 'LICENSE'))
  cpSync(path.join(root, 'docs/client.md'), path.join(folder, 'README.md'))
  writeFileSync(
    path.join(folder, 'NOTICE'),
    `This package contains eventsource-parser under its licence:\n\n${read('node_modules/eventsource-parser/LICENSE')}`,
  )
}

function pack() {
  execFileSync('npm', ['pack', '--silent', '--pack-destination', dist], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const { name, version } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'))
  const tarball = `${name}-${version}.tgz`
  console.log(`dist/${tarball}: ${(statSync(path.join(dist, tarball)).size / 1000).toFixed(1)} kB`)
}
