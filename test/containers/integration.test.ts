/** The integration suite itself, against containers: the files of test/integration that ask for no faults of processes. */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, inject, it } from 'vitest'

const folder = new URL('../integration/', import.meta.url)
/** What only the stack of processes can do, and what starts servers of its own: nothing that containers would add to. */
const NEEDS_PROCESSES =
  /\b(kill|hang|resume|restart|stopAllRedis|startAllRedis|waitForHealthyCluster)\b[^;]*?from '\.\.\/support\/stack\.ts'|redis-server\.ts|from '\.\.\/\.\.\/src\/local\//
const NEEDS_ADDRESSES = /from '\.\.\/support\/(stack|service)\.ts'/

const files = readdirSync(folder)
  .filter((name) => name.endsWith('.test.ts'))
  .filter((name) => {
    const source = readFileSync(new URL(name, folder), 'utf8')
    return NEEDS_ADDRESSES.test(source) && !NEEDS_PROCESSES.test(source)
  })

const withoutDocker = inject('withoutDocker')

describe.skipIf(withoutDocker !== null)(
  `in containers${withoutDocker === null ? '' : ` (skipped: ${withoutDocker})`}`,
  () => {
    it('there is something to run', () => {
      expect(files.length).toBeGreaterThan(0)
    })

    if (withoutDocker === null)
      for (const name of files)
        describe(name, async () => {
          await import(new URL(name, folder).href)
        })
    else it.for(files)('%s', () => {})
  },
)
