/** Decides which file describes which organisation, by its place in the tree and by what it holds. */
import { existsSync } from 'node:fs'
import path from 'node:path'
import { type Findings, located, startOf } from './findings.ts'
import { quoted } from './names.ts'
import type { OrganisationFile } from './organisation.ts'
import { ORGANISATION_FIELDS, type OrganisationInput, readOrganisation } from './read-organisation.ts'
import type { Value, YamlSource } from './yaml-source.ts'

const ORG_FILE = /^org\.ya?ml$/i
const TEAMS_FILE = /^teams\.ya?ml$/i

const isNamed = (file: string, pattern: RegExp) => pattern.test(path.basename(file))

/** The contents of the files; a file that could not be read is only in `files`. */
export interface PeribolosFiles {
  readonly files: readonly string[]
  readonly sources: readonly YamlSource[]
}

/**
 * `<org>/org.yaml` with every teams.yaml below `<org>/`; files with `orgs:` (Peribolos' merged form); and any other file
 * that holds an organisation, which is named after the file.
 */
export function assemble({ files, sources }: PeribolosFiles, findings: Findings): OrganisationFile[] {
  const folders = new Map(files.filter((file) => isNamed(file, ORG_FILE)).map((file) => [path.dirname(file), file]))
  const teamFiles = Map.groupBy(
    sources.filter(({ file }) => isNamed(file, TEAMS_FILE)),
    ({ file }) => folderAbove(file, folders),
  )
  for (const orphan of teamFiles.get(null) ?? []) findings.problem(startOf(orphan.file), orphanMessage(orphan.file))

  const byFile = new Map(sources.map((source) => [source.file, source]))
  const inputs = files.flatMap((file): OrganisationInput[] => {
    if (isNamed(file, TEAMS_FILE)) return []
    const source = byFile.get(file)
    const folder = path.dirname(file)
    if (folders.get(folder) === file) return inOrgFile(file, source, teamFiles.get(folder) ?? [], findings)
    return source ? inOtherFile(source, folderAbove(file, folders), findings) : []
  })
  return unique(inputs, findings).map((input) => readOrganisation(input, findings))
}

function inOrgFile(
  file: string,
  source: YamlSource | undefined,
  teamFiles: readonly YamlSource[],
  findings: Findings,
): OrganisationInput[] {
  const name = path.basename(path.dirname(path.resolve(file)))
  // The teams beside an org.yaml that cannot be read have problems of their own to show.
  if (!source) return teamFiles.slice(0, 1).map((first) => ({ name, source: first, body: nothingIn(file), teamFiles }))
  const merged = mergedForm(source)
  if (merged) return merged
  if (source.isEmpty(source.root))
    findings.problem(startOf(file), 'the file is empty; it should describe an organisation')
  return [{ name, source, body: source.root, teamFiles }]
}

const nothingIn = (file: string): Value => ({ node: null, place: startOf(file) })

function inOtherFile(source: YamlSource, folder: string | null, findings: Findings): OrganisationInput[] {
  const merged = mergedForm(source)
  if (merged) return merged
  const isOrganisation = source.names(source.root).some((key) => ORGANISATION_FIELDS.includes(key))
  if (isOrganisation && folder === null)
    return [{ name: path.parse(source.file).name, source, body: source.root, teamFiles: [] }]
  findings.note(
    startOf(source.file),
    isOrganisation
      ? `only org.yaml and teams.yaml count inside the folder of an organisation: skipped`
      : 'does not describe an organisation: skipped',
  )
  return []
}

function mergedForm(source: YamlSource): OrganisationInput[] | null {
  if (!source.names(source.root).includes('orgs')) return null
  const orgs = source.fields(source.root, 'the file').find(({ key }) => key === 'orgs')
  return orgs ? source.fields(orgs, 'orgs').map((body) => ({ name: body.key, source, body, teamFiles: [] })) : null
}

/** GitHub tells organisations apart without case. */
function unique(inputs: readonly OrganisationInput[], findings: Findings): OrganisationInput[] {
  const first = new Map<string, OrganisationInput>()
  for (const input of inputs) {
    const id = input.name.normalize('NFC').toLowerCase()
    const earlier = first.get(id)
    if (earlier === undefined) first.set(id, input)
    else
      findings.problem(
        input.body.place,
        `the organisation ${quoted(input.name)} is described already, at ${located(earlier.body.place)}`,
      )
  }
  return [...first.values()]
}

/** The nearest folder at or above the file that holds an org.yaml of this import. */
function folderAbove(file: string, folders: ReadonlyMap<string, unknown>): string | null {
  for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
    if (folders.has(folder)) return folder
    if (folder === path.dirname(folder)) return null
  }
}

function orphanMessage(file: string): string {
  const above = [path.dirname(file), path.dirname(path.dirname(file))].find((folder) =>
    existsSync(path.join(folder, 'org.yaml')),
  )
  const hint = above === undefined ? '' : `; import the folder ${above} instead`
  return `belongs to no organisation: there is no org.yaml above it in what is imported${hint}`
}
