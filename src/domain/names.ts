/** What a name of a group or a resource may look like: one rule for the API and for every importer. */

const LONGEST = 200
const CONTROL = /\p{Cc}/u
/** Shown as nothing: zero-width characters, direction marks, fillers, variation selectors (Unicode, UAX #44). */
const INVISIBLE = /[\p{Default_Ignorable_Code_Point}\p{Cf}]/u
/** White space that is shown like a space, or breaks a line, and is none. */
const OTHER_SPACE = /(?! )[\p{Z}]/u

/**
 * Two names that look the same are a way to be taken for another group. Letters of different scripts are left alone:
 * people write their names in them.
 * @returns what is wrong with it, as the end of a sentence; null when nothing is
 */
export function nameFault(name: string): string | null {
  if (name.trim() === '') return 'is empty'
  if (!name.isWellFormed()) return 'is not well-formed Unicode'
  if (CONTROL.test(name)) return 'contains a control character'
  if (name.trim() !== name) return 'begins or ends with a space'
  if (INVISIBLE.test(name)) return 'contains an invisible character'
  if (OTHER_SPACE.test(name)) return 'contains white space other than plain spaces'
  return [...name].length > LONGEST ? `is longer than ${LONGEST} characters` : null
}
