/** What reading an organisation turns up: problems, which stop the import, and notes, which do not. */

/** Line and column from 1, as editors count them. */
export interface Place {
  readonly file: string
  readonly line: number
  readonly column: number
}

export interface Finding {
  readonly place: Place
  readonly message: string
}

export interface Findings {
  readonly problems: readonly Finding[]
  readonly notes: readonly Finding[]
  problem(place: Place, message: string): void
  note(place: Place, message: string): void
}

export function createFindings(): Findings {
  const problems: Finding[] = []
  const notes: Finding[] = []
  return {
    problems,
    notes,
    problem: (place, message) => void problems.push({ place, message }),
    note: (place, message) => void notes.push({ place, message }),
  }
}

/** `kubernetes/org.yaml:12:3: message`, the form that editors and terminals turn into links. */
export const describe = ({ place, message }: Finding): string => `${located(place)}: ${message}`

export const located = ({ file, line, column }: Place): string => `${file}:${line}:${column}`

/** The beginning of a file, for findings about the whole file. */
export const startOf = (file: string): Place => ({ file, line: 1, column: 1 })

/** By file and position, so that people can fix a file from top to bottom. */
export function inOrder(findings: readonly Finding[]): Finding[] {
  return findings.toSorted(
    ({ place: a }, { place: b }) => compare(a.file, b.file) || a.line - b.line || a.column - b.column,
  )
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
