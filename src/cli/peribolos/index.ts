/** Peribolos YAML (organisations, teams, repositories) read into what `POST /import` takes. */
import { readFileSync } from 'node:fs'
import { assemble } from './assemble.ts'
import { findYamlFiles } from './find-files.ts'
import { createFindings, type Finding, inOrder, startOf } from './findings.ts'
import type { ImportBody } from './import-body.ts'
import { type Renames, renamesIn, toImport, toImportWithOrganisationRoles } from './to-import.ts'
import { readYaml } from './yaml-source.ts'

export { describe, type Finding } from './findings.ts'
export type { ImportBody } from './import-body.ts'
export type { Renames } from './to-import.ts'

export interface PeribolosReading {
  readonly organisations: readonly string[]
  readonly files: number
  /** Null when there are problems: half an organisation is worse than none. */
  readonly organisation: ImportBody | null
  /** Of what `previously` names. */
  readonly renames: Renames
  readonly problems: readonly Finding[]
  readonly notes: readonly Finding[]
}

export interface PeribolosOptions {
  /** Whether the roles in the organisation itself count, or only those in its teams. */
  readonly roles: 'teams' | 'organisation'
}

/**
 * @param path a YAML file, or a folder of them
 * @throws the file system's error when the path itself cannot be read
 */
export function readPeribolos(path: string, { roles }: PeribolosOptions): PeribolosReading {
  const findings = createFindings()
  const files = findYamlFiles(path, findings)
  const sources = files.map((file) => readYaml(file, readFileSync(file), findings)).filter((source) => source !== null)
  const organisations = assemble({ files, sources }, findings)
  if (organisations.length === 0 && findings.problems.length === 0)
    findings.problem(startOf(path), 'there is no organisation here')
  const convert = roles === 'organisation' ? toImportWithOrganisationRoles : toImport
  return {
    organisations: organisations.map(({ name }) => name),
    files: files.length,
    organisation: findings.problems.length === 0 ? convert(organisations) : null,
    renames: renamesIn(organisations),
    problems: inOrder(findings.problems),
    notes: inOrder(findings.notes),
  }
}
