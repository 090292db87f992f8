/** Which strings are accepted: well-formed Unicode without control characters, in NFC if they are compared. */
import { z } from 'zod'
import { NAME_PATTERN, nameFault } from '../domain/names.ts'

const CONTROL = /\p{Cc}/u
const CONTROL_EXCEPT_LAYOUT = /[^\P{Cc}\t\n\r]/u

const NOT_TEXT = 'must be well-formed Unicode without control characters'

interface Length {
  readonly min?: number
  readonly max: number
}

/** Characters as people count them, code points rather than UTF-16 units. */
const characters = (value: string) => (value.length <= 1 ? value.length : [...value].length)

function hasLength({ min = 1, max }: Length) {
  return (value: string) => {
    // Normalisation and astral characters change the count by less than these factors; this bounds the work first.
    if (value.length > max * 2) return false
    const count = characters(value)
    return count >= min && count <= max
  }
}

/** One line, compared: normalised to NFC, so that two spellings of the same characters are one name. */
export function line(length: Length) {
  return z
    .string()
    .refine((value) => value.isWellFormed() && !CONTROL.test(value), { error: NOT_TEXT, abort: true })
    .overwrite((value) => value.normalize('NFC'))
    .refine(hasLength(length), { error: `must have ${length.min ?? 1} to ${length.max} characters`, abort: true })
    .meta({ minLength: length.min ?? 1, maxLength: length.max })
}

/** One line that names something: nothing in it may make two names look the same. */
export function nameLine(length: Length) {
  return line(length)
    .superRefine((value, context) => {
      const fault = nameFault(value)
      if (fault !== null) context.addIssue({ code: 'custom', message: fault })
    })
    .meta({ minLength: length.min ?? 1, maxLength: length.max, pattern: NAME_PATTERN })
}

/** Prose: line breaks and tabs are kept. */
export function prose(length: Length) {
  return z
    .string()
    .refine((value) => value.isWellFormed() && !CONTROL_EXCEPT_LAYOUT.test(value), { error: NOT_TEXT, abort: true })
    .overwrite((value) => value.normalize('NFC'))
    .refine(hasLength(length), { error: `must have ${length.min ?? 1} to ${length.max} characters` })
    .meta({ minLength: length.min ?? 1, maxLength: length.max })
}

/** An identifier that another system assigns: compared exactly, hence never normalised. */
export function exact(length: Length) {
  return z
    .string()
    .refine((value) => value.isWellFormed() && !CONTROL.test(value), { error: NOT_TEXT, abort: true })
    .refine(hasLength(length), { error: `must have ${length.min ?? 1} to ${length.max} characters` })
    .meta({ minLength: length.min ?? 1, maxLength: length.max })
}

/** Whether a string could be a subject: the same rule for a token's `sub` and for an id in a path. */
export function isUserId(value: string): boolean {
  return value.isWellFormed() && !CONTROL.test(value) && hasLength({ max: 200 })(value)
}
