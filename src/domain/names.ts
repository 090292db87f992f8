/** What a name of a group or a resource may look like: one rule for the API and for every importer. */

const LONGEST = 200
const CONTROL = /\p{Cc}/u
/** Shown as nothing: zero-width characters, direction marks, fillers, variation selectors (Unicode, UAX #44), Braille without a dot. */
const INVISIBLE = /[\p{Default_Ignorable_Code_Point}\p{Cf}\u2800]/u
/** White space that looks like a space or breaks a line, but is not a plain space. */
const OTHER_SPACE = /(?! )[\p{Z}]/u

/** The same as a pattern for documents, whose readers know no classes of characters; beyond U+FFFF it allows more. */
const UNSEEN = String.raw`\u0000-\u001f\u007f-\u00a0\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890-\u0891\u08e2\u115f-\u1160\u1680\u17b4-\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb`
export const NAME_PATTERN = `^[^ ${UNSEEN}]( ?[^ ${UNSEEN}])*$`

/**
 * With two names that look the same, one group could pass for another. Letters of different scripts are left alone:
 * people write their names in them.
 * @returns what is wrong with it, as the end of a sentence; null when nothing is
 */
export function nameFault(name: string): string | null {
  if (name.trim() === '') return 'is empty'
  if (!name.isWellFormed()) return 'is not well-formed Unicode'
  if (CONTROL.test(name)) return 'contains a control character'
  if (name.trim() !== name) return 'begins or ends with a space'
  // Browsers show them as one.
  if (name.includes('  ')) return 'contains two spaces in a row'
  if (INVISIBLE.test(name)) return 'contains an invisible character'
  if (OTHER_SPACE.test(name)) return 'contains white space other than plain spaces'
  return [...name].length > LONGEST ? `is longer than ${LONGEST} characters` : null
}
