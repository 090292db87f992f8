/** Every script explains itself with `--help`, which is not a mistake, and takes nothing that it does not know. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'

const root = path.resolve(import.meta.dirname, '../..')
const { scripts } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>
}
/** Vitest explains itself. */
const OTHERS = ['test']
const DRILLS = [
  ...['faults', 'visibility', 'outages', 'model', 'schedules', 'fuzz', 'isolation', 'retry-storm', 'slow-clients'],
  ...['hidden', 'k8s'],
]

const programs = [
  ...Object.entries(scripts)
    .filter(([name]) => !OTHERS.includes(name))
    .map(([name, line]): [string, string[]] => [name, line.replace('node scripts/bootstrap.mjs ', '').split(' ')]),
  ...DRILLS.map((name): [string, string[]] => [`drill ${name}`, ['test/drills/command.ts', name]]),
]

/** Exit code and output of a program with its arguments. */
function run(args: readonly string[]) {
  return new Promise<{ code: unknown; said: string }>((resolve) =>
    execFile(process.execPath, args, { cwd: root, env: { PATH: process.env.PATH } }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : error.code, said: stdout + stderr }),
    ),
  )
}

describe.each(programs)('npm run %s', { timeout: 60_000 }, (name, program) => {
  it('explains itself', async () => {
    const { code, said } = await run([...program, '--help'])
    expect([code, said]).toEqual([0, expect.stringMatching(/usage/i)])
  })

  // The filters of the cluster's drills go to vitest, and so do further options.
  // So do those of the mutation tests to Stryker, which is not installed here.
  it.skipIf(name === 'drill k8s' || name === 'mutation')('refuses what it does not know', async () => {
    const { code, said } = await run([...program, '--no-such-option'])
    expect([code, said]).toEqual([2, expect.stringContaining("unknown option '--no-such-option'")])
    expect(said.split('\n').length).toBeLessThan(5)
  })
})

it('there is one command for all drills', () => {
  expect(Object.keys(scripts).filter((name) => name.startsWith('drill'))).toEqual(['drill'])
})
