import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'

const FOLDER = import.meta.dirname
const TABLES = /\b(?:from|join)\s+(?:memberships|grants)\b/gi

/** Statements that must see the rows as they are, ended or not. */
const RAW: Readonly<Record<string, string>> = {
  'living.ts': 'the one place that looks at the end',
  'source.ts': 'the catalogue holds ends and looks at them when it is asked',
  'invalidation-log.ts': 'the same for single resources',
  'ending.ts': 'rows whose end has come',
  'ended-access.ts': 'the same, before they are removed',
  'transaction/affected.ts': 'too many named is only a miss',
  'transaction/grants.ts': 'changes are made to rows',
  'transaction/memberships.ts': 'changes are made to rows',
  'transaction/organisation-import.ts': 'changes are made to rows',
  'transaction/resources.ts': 'changes are made to rows',
}

const sources = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && !file.startsWith('generated'))
  .map((file) => ({ file: file.split(path.sep).join('/'), text: readFileSync(path.join(FOLDER, file), 'utf8') }))

describe('statements that answer readers', () => {
  it('read memberships and grants that exist, never the bare tables', () => {
    const bare = sources.filter(({ file, text }) => !(file in RAW) && text.match(TABLES))
    expect(bare.map(({ file }) => file)).toEqual([])
  })

  it('are looked for where they are: each exception still reads a bare table', () => {
    const named = sources.filter(({ file, text }) => file in RAW && text.match(TABLES))
    expect(named.map(({ file }) => file).sort()).toEqual(
      Object.keys(RAW)
        .filter((file) => file !== 'living.ts')
        .sort(),
    )
  })
})
