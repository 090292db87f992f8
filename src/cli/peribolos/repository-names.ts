/** The repositories of one organisation by name: GitHub tells them apart without case, and follows former names. */

import { nameFault } from '../../domain/names.ts'
import { type Findings, located, type Place } from './findings.ts'
import { quoted } from './names.ts'
import type { Field } from './yaml-source.ts'

export interface RepositoryNames {
  /** The organisation's own list declares a repository. @returns null, and a problem, where the name cannot be used */
  declare(field: Field, previously: readonly { readonly name: string; readonly place: Place }[]): string | null
  /** A team names a repository. @returns the one spelling that counts; null, and a problem, likewise */
  refer(field: Field): string | null
}

export function createRepositoryNames(organisation: string, findings: Findings): RepositoryNames {
  const known = new Map<string, { readonly name: string; readonly place: Place }>()
  const noted = new Set<string>()

  function usable({ key, keyPlace }: Field): string | null {
    const name = key.normalize('NFC')
    const fault = nameFault(key) ?? nameFault(`${organisation}/${name}`)
    if (fault !== null) findings.problem(keyPlace, `the repository name ${quoted(key)} ${fault}`)
    return fault === null ? name : null
  }

  function claim(written: string, name: string, place: Place): void {
    const earlier = known.get(written.toLowerCase())
    if (earlier === undefined) known.set(written.toLowerCase(), { name, place })
    else findings.problem(place, `the repository ${quoted(written)} is there already, at ${located(earlier.place)}`)
  }

  return {
    declare(field, previously) {
      const name = usable(field)
      if (name === null) return null
      claim(name, name, field.keyPlace)
      for (const former of previously) claim(former.name, name, former.place)
      return name
    },
    refer(field) {
      const name = usable(field)
      if (name === null) return null
      const found = known.get(name.toLowerCase())
      if (found === undefined) known.set(name.toLowerCase(), { name, place: field.keyPlace })
      else if (found.name !== name && !noted.has(name)) {
        noted.add(name)
        findings.note(
          field.keyPlace,
          `the repository ${quoted(name)} is ${quoted(found.name)}, named at ${located(found.place)}: counted as one`,
        )
      }
      return found?.name ?? name
    },
  }
}
