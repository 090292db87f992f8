/** Reads logins and names by the rules that the service applies too, so that nothing is refused after the sending. */
import { PERMISSIONS, type Permission } from '../../domain/model.ts'
import { nameFault } from '../../domain/names.ts'
import type { Findings, Place } from './findings.ts'
import type { Login } from './organisation.ts'
import type { Value, YamlSource } from './yaml-source.ts'

/** Control characters made visible: a message must not move the cursor of the terminal that shows it. */
export const quoted = (name: string): string => JSON.stringify(name).replace(/[\u007f-\u009f]/g, escaped)

const escaped = (char: string) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`

/** The logins of a list, each once; a second mention (also in another spelling) is noted and changes nothing. */
export function readLogins(source: YamlSource, list: Value | undefined, what: string, findings: Findings): Login[] {
  const logins = new Map<string, Login>()
  for (const item of list ? source.items(list, what) : []) {
    const written = source.text(item, `a login in ${what}`)
    if (written === null) continue
    const fault = nameFault(written)
    if (fault !== null) {
      findings.problem(item.place, `the login ${quoted(written)} in ${what} ${fault}`)
      continue
    }
    const id = written.toLowerCase()
    const earlier = logins.get(id)
    if (earlier === undefined) logins.set(id, { id, written })
    else
      findings.note(
        item.place,
        `${quoted(written)} is in ${what} already (as ${quoted(earlier.written)}): counted once`,
      )
  }
  return [...logins.values()]
}

/** The levels of access; `none` gives nothing. */
export const isAccess = (level: string): level is Permission | 'none' =>
  level === 'none' || PERMISSIONS.some((each) => each === level)

/** Former names, as `previously` lists them. */
export function readPrevious(
  source: YamlSource,
  list: Value | undefined,
  what: string,
  findings: Findings,
): { readonly name: string; readonly place: Place }[] {
  return (list ? source.items(list, `the former names of ${what}`) : []).flatMap((item) => {
    const written = source.text(item, `a former name of ${what}`)
    if (written === null) return []
    const fault = nameFault(written)
    if (fault === null) return [{ name: written.normalize('NFC'), place: item.place }]
    findings.problem(item.place, `the former name ${quoted(written)} of ${what} ${fault}`)
    return []
  })
}
