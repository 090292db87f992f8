/** The package and the service are made of the same modules: what one proves of them the other has. */
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const DOORS = ['index', 'redis', 'postgres', 'express'].map((door) => `src/package/${door}.ts`)
const SERVICE = ['src/main.ts']

/** The modules of a folder of which something is used, as the package's build finds them. */
async function modulesBehind(entries: readonly string[], folder: string): Promise<string[]> {
  const build = await rolldown({
    cwd: root,
    input: [...entries],
    platform: 'node',
    external: (id) => !id.startsWith('.') && !path.isAbsolute(id) && !id.startsWith('src/'),
    treeshake: { moduleSideEffects: false },
  })
  const { output } = await build.generate({ format: 'esm' })
  await build.close()
  const all = output.flatMap((chunk) => ('moduleIds' in chunk ? chunk.moduleIds : []))
  return all.map((id) => path.relative(root, id)).filter((name) => name.startsWith(`src/${folder}/`))
}

describe.each(['cache', 'redis', 'postgres'])('src/%s', (folder) => {
  it('gives the package no module that the service does not run', async () => {
    const [behindDoors, run] = await Promise.all([modulesBehind(DOORS, folder), modulesBehind(SERVICE, folder)])
    expect(behindDoors.length).toBeGreaterThan(2)
    // They put the others together for a service that has no table of its own (decision 17).
    const own = ['cache-options', 'cache-reader', 'cache-rules', 'cache-tags', 'create-cache', 'mutation-token'].map(
      (name) => `src/cache/${name}.ts`,
    )
    expect(behindDoors.filter((name) => !run.includes(name) && !own.includes(name))).toEqual([])
  })
})

it('the service runs nothing of the cache that the package does not have', async () => {
  const [behindDoors, run] = await Promise.all([modulesBehind(DOORS, 'cache'), modulesBehind(SERVICE, 'cache')])
  expect(run.filter((name) => !behindDoors.includes(name))).toEqual([])
})
