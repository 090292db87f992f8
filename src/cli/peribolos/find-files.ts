/** The YAML files of a path: the file itself, or all below a folder, in a stable order. */
import { readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { type Findings, startOf } from './findings.ts'

const YAML = /\.ya?ml$/i

/** Hidden folders (`.git`) and links to folders are left out; the latter are noted. */
export function findYamlFiles(start: string, findings: Findings): string[] {
  if (!statSync(start).isDirectory()) return [start]
  const entries = readdirSync(start, { withFileTypes: true }).toSorted((a, b) => (a.name < b.name ? -1 : 1))
  return entries.flatMap((entry): string[] => {
    const file = path.join(start, entry.name)
    if (entry.name.startsWith('.')) return []
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : findYamlFiles(file, findings)
    if (entry.isFile()) return YAML.test(entry.name) ? [file] : []
    if (!entry.isSymbolicLink()) return []
    const target = statSync(file, { throwIfNoEntry: false })
    if (target?.isFile()) return YAML.test(entry.name) ? [file] : []
    findings.note(startOf(file), 'a link that leads to no file: skipped')
    return []
  })
}
