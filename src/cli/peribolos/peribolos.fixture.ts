/** A folder of files, read as an organisation. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach } from 'vitest'
import { describe as describeFinding, readPeribolos } from './index.ts'

/** The folder of the current test. */
export let folder: string
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'peribolos-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

/** Writes the files, reads the folder (or one file of it), and gives findings without the folder's own path. */
export function read(
  files: Record<string, string | Uint8Array>,
  { roles = 'teams', start = '.' }: { roles?: 'teams' | 'organisation'; start?: string } = {},
) {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true })
    writeFileSync(path.join(folder, name), content)
  }
  const reading = readPeribolos(path.join(folder, start), { roles })
  const lines = (findings: typeof reading.problems) =>
    findings.map((each) => describeFinding(each).replaceAll(`${folder}/`, ''))
  return { ...reading, problems: lines(reading.problems), notes: lines(reading.notes) }
}
