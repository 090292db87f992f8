/** `npm run check`: format, lint, types, module boundaries, unused code, unit tests; all of them, even after one fails. */
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { createScript } from '../src/cli/script.ts'

createScript(
  'npm run check',
  'Format, lint, module boundaries, types, unused code, unit tests; all of them, even after one fails.',
).parse()

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..')

/** Biome checks format, lint, import directions and cycles in one pass. */
const STEPS = [
  {
    name: 'format, lint, module boundaries',
    program: '@biomejs/biome/bin/biome',
    args: ['ci', '--error-on-warnings', '.'],
  },
  { name: 'types', program: 'typescript/bin/tsc', args: ['--noEmit', '-p', '.'] },
  { name: 'types of the console', program: 'typescript/bin/tsc', args: ['--noEmit', '-p', 'console'] },
  { name: 'types of its tests', program: 'typescript/bin/tsc', args: ['--noEmit', '-p', 'test/browser'] },
  { name: 'unused code', program: 'knip/bin/knip.js', args: [] },
  { name: 'unit tests', program: 'vitest/vitest.mjs', args: ['run', '--project', 'unit'] },
]

const results = STEPS.map(({ name, program, args }) => {
  console.log(`\n── ${name}`)
  const startedAt = performance.now()
  const file = path.join(root, 'node_modules', program)
  const { status } = spawnSync(process.execPath, [file, ...args], { cwd: root, stdio: 'inherit' })
  return { name, passed: status === 0, seconds: ((performance.now() - startedAt) / 1000).toFixed(1) }
})

console.log('')
for (const { name, passed, seconds } of results) console.log(`${passed ? 'passed' : 'FAILED'}  ${name} (${seconds} s)`)
process.exit(results.every(({ passed }) => passed) ? 0 : 1)
