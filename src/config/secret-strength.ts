/**
 * How many random bits a secret can contain at most, against a guesser who tries words, runs on the keyboard,
 * repetitions and dates first. Random text keeps nearly all of its bits; a sentence of any length keeps hardly any.
 * (The idea of zxcvbn, USENIX Security 2016, without its 9 MB of dictionaries: pairs of letters tell words from noise.)
 */
import { isMadeUp } from './made-up.ts'
import { patternBits, predictedPlaces } from './secret-patterns.ts'
import { isTypedByHand } from './typed-by-hand.ts'

/** A character that continues a word, a run or a repetition. */
const PREDICTED_BITS = 1

/** 32 hexadecimal digits or a UUID fall short of it, 32 letters and digits do not. */
const NOMINAL_BITS_MIN = 160
const ESTIMATED_BITS_MIN = 70
/** Below either of these, hardly any random text: refused where patterns explain it. */
const ESTIMATED_BITS_FEW = 95
/** Of the nominal ones; random text keeps more, and a long sentence is not a secret because it is long. */
const ESTIMATED_SHARE_FEW = 0.58
const PATTERN_BITS = 24

/** Whether a secret can have come from a random generator, with enough of its output. */
export function isRandomEnough(secret: string): boolean {
  // What names the encoding is not of the generator's alphabet.
  const material = secret.replace(/^(base64:|hex:|0x)/i, '')
  return [material, ...decoded(material)].every((text) => {
    const nominal = nominalBits(text)
    const estimated = estimatedBits(text)
    return (
      nominal >= NOMINAL_BITS_MIN &&
      estimated >= ESTIMATED_BITS_MIN &&
      !(isFew(estimated, nominal) && patternBits(text, alphabetOf(text).length) >= PATTERN_BITS) &&
      !isTypedByHand(text, alphabetOf(text)) &&
      !isMadeUp(text, alphabetOf(text))
    )
  })
}

const isFew = (estimated: number, nominal: number) =>
  estimated < ESTIMATED_BITS_FEW || estimated < nominal * ESTIMATED_SHARE_FEW

/** @returns the bits somebody must guess; never more than the alphabet and the frequencies of the characters allow */
export function estimatedBits(text: string): number {
  const guessed = predictedPlaces(text).filter(Boolean).length
  const estimate = (text.length - guessed) * Math.log2(alphabetOf(text).length) + guessed * PREDICTED_BITS
  return Math.min(estimate, text.length * entropyOf(text))
}

/**
 * What a generator of this form would have produced; hyphens of hexadecimal digits are for the eye, a UUID's version is
 * fixed.
 */
function nominalBits(whole: string): number {
  // Written twice, it is the same secret.
  const text = whole.slice(0, `${whole}${whole}`.indexOf(whole, 1))
  if (UUID.test(text)) return 122
  const alphabet = alphabetOf(text).length
  return (alphabet <= 16 ? text.replaceAll('-', '').length : text.length) * Math.log2(alphabet)
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const HEX = /^([0-9a-f]{2})+$/i
const BASE64 = /^[\w+/-]{8,}={0,2}$/
const READABLE = /^[\t\n\r -~]{6,}$/

/**
 * Base64 or hexadecimal digits of readable text, of a token's parts, or of bytes that count up, are those. Random bytes
 * are no text and are judged as they are written.
 */
function decoded(secret: string): string[] {
  const parts = secret.split('.')
  let isReadable = false
  const texts = parts.map((part) => {
    const isHex = HEX.test(part)
    if (!isHex && !BASE64.test(part)) return part
    const bytes = Buffer.from(part, isHex ? 'hex' : 'base64').toString('latin1')
    if (!READABLE.test(bytes) && !countsUp(bytes)) return part
    isReadable = true
    return bytes
  })
  return isReadable ? [texts.join('.')] : []
}

function countsUp(bytes: string): boolean {
  const step = bytes.charCodeAt(1) - bytes.charCodeAt(0)
  return [...bytes].every((byte, at) => at === 0 || (byte.charCodeAt(0) - bytes.charCodeAt(at - 1) - step) % 256 === 0)
}

const DIGITS = '0123456789'
const LETTERS = 'abcdefghijklmnopqrstuvwxyz'
const BOTH_CASES = LETTERS + LETTERS.toUpperCase()
const SIGNS = '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~'
const ALPHABETS: readonly (readonly [RegExp, string])[] = [
  [/^[0-9-]*$/, DIGITS],
  [/^([0-9a-f-]*|[0-9A-F-]*)$/, `${DIGITS}abcdef`],
  [/^([a-z]*|[A-Z]*)$/, LETTERS],
  [/^([0-9a-z]*|[0-9A-Z]*)$/, DIGITS + LETTERS],
  [/^[a-z]*$/i, BOTH_CASES],
  [/^[\w+/=.-]*$/, `${DIGITS}${BOTH_CASES}+/`],
  [/^[^A-Z]*$/, DIGITS + LETTERS + SIGNS],
]
/** What a generator of this form would have chosen from. */
const alphabetOf = (text: string) => ALPHABETS.find(([form]) => form.test(text))?.[1] ?? DIGITS + BOTH_CASES + SIGNS

/** Shannon's, of the characters as they are distributed in the text itself. */
function entropyOf(text: string): number {
  const counts = Map.groupBy(text, (character) => character)
  return [...counts.values()].reduce(
    (bits, { length }) => bits - (length / text.length) * Math.log2(length / text.length),
    0,
  )
}
