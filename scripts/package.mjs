/** `npm run package`: the cache as one package in dist/, plain JavaScript (ESM and CommonJS) with types. */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'
import { createScript } from '../src/cli/script.ts'

createScript('npm run package', 'Builds the cache as a package: dist/*.tgz, plain JavaScript with types.').parse()

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..')
const dist = path.join(root, 'dist')
const folder = path.join(dist, 'package')
const DOORS = ['index', 'redis', 'postgres', 'express', 'testing']
/** A file of ours as a declaration imports it. */
const IMPORTED = /(from |import\()(['"])(\.[^'"]*)\.ts\2/g
const EXTERNAL = ['ioredis', 'pg', 'express', '@prisma/client']

const read = (...names) => readFileSync(path.join(root, ...names), 'utf8')
const { version, license, repository, engines, dependencies } = JSON.parse(read('package.json'))

// What `npm run client` packs, perhaps at this moment, lies beside it.
rmSync(folder, { recursive: true, force: true })
mkdirSync(folder, { recursive: true })
await bundle()
declare()
describe()
pack()

/** The Lua files become texts: a bundle has no files beside it. */
function inlinedLua() {
  const loaded = /^const lua = .*$/m
  return {
    name: 'inlined-lua',
    transform(code, id) {
      if (!id.endsWith(path.join('src', 'redis', 'scripts.ts'))) return null
      const folder = path.join(path.dirname(id), 'scripts')
      const texts = readdirSync(folder).map((name) => [
        path.basename(name, '.lua'),
        readFileSync(path.join(folder, name), 'utf8'),
      ])
      if (!loaded.test(code)) throw new Error('src/redis/scripts.ts does not load its scripts as this expects')
      return code
        .replace(loaded, `const LUA = ${JSON.stringify(Object.fromEntries(texts))}\nconst lua = (name) => LUA[name]`)
        .replace(/^import \{ readFileSync \} from 'node:fs'$/m, '')
    },
  }
}

/**
 * One implementation, as CommonJS, and for `import` doors that lead to it: a service and its tests may come in by different
 * ones, and an error or a store of one copy would be none to the other.
 */
async function bundle() {
  const build = await rolldown({
    cwd: root,
    input: Object.fromEntries([...DOORS, 'cli'].map((door) => [door, `src/package/${door}.ts`])),
    platform: 'node',
    external: (id) => EXTERNAL.some((name) => id === name || id.startsWith(`${name}/`)) || id.startsWith('node:'),
    // No module of ours or of cockatiel does anything by being loaded.
    treeshake: { moduleSideEffects: false },
    transform: { target: 'node20' },
    plugins: [inlinedLua()],
  })
  const { output } = await build.write({
    dir: folder,
    format: 'cjs',
    exports: 'named',
    // The comments are for readers of the source; the declarations keep theirs.
    comments: { legal: true, annotation: true, jsdoc: false },
    // Lines and names stay: Node prints the line that throws, and it is read by somebody whose options are wrong.
    minify: { compress: true, mangle: false, codegen: false },
    entryFileNames: '[name].cjs',
    chunkFileNames: 'chunks/[name]-[hash].cjs',
  })
  await build.close()
  for (const { name, exports } of output.filter(({ name }) => DOORS.includes(name)))
    writeFileSync(path.join(folder, `${name}.js`), `export { ${exports.join(', ')} } from './${name}.cjs'\n`)
}

/** One tree of declarations for each format, because each names its files by its own extension. */
function declare() {
  const files = DOORS.map((door) => path.join(root, `src/package/${door}.ts`))
  const types = path.join(folder, 'types')
  const config = path.join(dist, 'tsconfig.json')
  writeFileSync(
    config,
    JSON.stringify({
      extends: '../tsconfig.json',
      compilerOptions: {
        noEmit: false,
        declaration: true,
        emitDeclarationOnly: true,
        outDir: types,
        rootDir: path.join(root, 'src'),
      },
      files,
      include: [],
    }),
  )
  execFileSync(process.execPath, [path.join(root, 'node_modules/typescript/bin/tsc'), '-p', config], {
    stdio: 'inherit',
  })
  rmSync(config)
  const needed = new Set()
  for (const door of DOORS) collect(path.join(types, 'package', `${door}.d.ts`), needed)
  for (const name of readdirSync(types, { recursive: true }).map(String)) {
    const file = path.join(types, name)
    if (!name.endsWith('.d.ts')) continue
    if (!needed.has(file)) {
      rmSync(file)
      continue
    }
    const text = readFileSync(file, 'utf8')
    const naming = (extension) => text.replace(IMPORTED, `$1$2$3.${extension}$2`)
    writeFileSync(file, naming('js'))
    writeFileSync(file.replace(/\.d\.ts$/, '.d.cts'), naming('cjs'))
  }
}

/** Follows what declarations import; the compiler writes those of the inside too. */
function collect(file, into) {
  if (into.has(file)) return
  into.add(file)
  for (const [, , , imported] of readFileSync(file, 'utf8').matchAll(IMPORTED))
    collect(path.join(path.dirname(file), `${imported}.d.ts`), into)
}

function describe() {
  const door = (name) => ({
    import: { types: `./types/package/${name}.d.ts`, default: `./${name}.js` },
    require: { types: `./types/package/${name}.d.cts`, default: `./${name}.cjs` },
  })
  const peers = { '@prisma/client': '>=6', express: '>=4', ioredis: '>=5', pg: '>=8.11' }
  const description = {
    name: 'portcullis-cache',
    version,
    description:
      'A cache on Redis and PostgreSQL that never serves what a mutation made stale, even if a delete is lost.',
    license,
    // The registry accepts a provenance only where both name the same repository.
    repository,
    type: 'module',
    engines,
    sideEffects: false,
    main: './index.cjs',
    types: './types/package/index.d.cts',
    bin: { 'portcullis-cache': './cli.cjs' },
    exports: {
      ...Object.fromEntries(DOORS.map((name) => [name === 'index' ? '.' : `./${name}`, door(name)])),
      './package.json': './package.json',
    },
    peerDependencies: peers,
    peerDependenciesMeta: Object.fromEntries(Object.keys(peers).map((name) => [name, { optional: true }])),
  }
  writeFileSync(path.join(folder, 'package.json'), `${JSON.stringify(description, null, 2)}\n`)
  const cli = path.join(folder, 'cli.cjs')
  writeFileSync(cli, `#!/usr/bin/env node\n${readFileSync(cli, 'utf8')}`)
  cpSync(path.join(root, 'LICENSE'), path.join(folder, 'LICENSE'))
  writeFileSync(
    path.join(folder, 'NOTICE'),
    `This package contains cockatiel ${dependencies.cockatiel.replace('^', '')} under its licence:\n\n${read('node_modules/cockatiel/LICENSE')}`,
  )
  cpSync(path.join(root, 'docs/package.md'), path.join(folder, 'README.md'))
}

function pack() {
  execFileSync('npm', ['pack', '--silent', '--pack-destination', dist], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const tarball = `portcullis-cache-${version}.tgz`
  console.log(`dist/${tarball}: ${(statSync(path.join(dist, tarball)).size / 1000).toFixed(1)} kB`)
}
