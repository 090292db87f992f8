/**
 * How many random bits a secret can contain at most, as somebody estimates it who guesses words, runs on the keyboard,
 * repetitions and dates first. Random text keeps nearly all of its bits; a sentence of any length keeps hardly any.
 * (The idea of zxcvbn, USENIX Security 2016, without its 9 MB of dictionaries: pairs of letters tell words from noise.)
 */

/** A character that continues what was there before: a word, a run, a repetition. */
const PREDICTED_BITS = 1
const SHORTEST_WORD = 4
const SHORTEST_REPETITION = 4
/** Short words and separators from which they are no chance. */
const SHORTEST_SENTENCE = 4
/** Mean advantage of "is language" over "is noise" in a pair of letters, in bits, from which letters count as a word. */
const LANGUAGE_FROM = 0.1
/** Where a digit must be read as a letter first, chance helps. */
const LEET_FROM = 0.5

/** 32 hexadecimal digits or a UUID fall short of it, 32 letters and digits do not. */
const NOMINAL_BITS_MIN = 160
const ESTIMATED_BITS_MIN = 100
/** Of the nominal ones; random text keeps more, and a long sentence is no secret because it is long. */
const ESTIMATED_SHARE_MIN = 0.6

/** Whether a secret can have come from a random generator, with enough of its output. */
export function isRandomEnough(secret: string): boolean {
  const text = decodedText(secret) ?? secret
  const nominal = nominalBits(text)
  const estimated = estimatedBits(text)
  return nominal >= NOMINAL_BITS_MIN && estimated >= ESTIMATED_BITS_MIN && estimated >= nominal * ESTIMATED_SHARE_MIN
}

/** @returns the bits somebody must guess; never more than the alphabet and the frequencies of the characters allow */
export function estimatedBits(text: string): number {
  const guessed = predictedPlaces(text).filter(Boolean).length
  const estimate = (text.length - guessed) * Math.log2(alphabetOf(text)) + guessed * PREDICTED_BITS
  return Math.min(estimate, text.length * entropyOf(text))
}

/** What a generator of this form would have put in; hyphens of hexadecimal digits are for the eye, a UUID's version is fixed. */
function nominalBits(text: string): number {
  if (UUID.test(text)) return 122
  const alphabet = alphabetOf(text)
  return (alphabet <= 16 ? text.replaceAll('-', '').length : text.length) * Math.log2(alphabet)
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** Base64 or hexadecimal digits of readable text are that text. */
function decodedText(secret: string): string | undefined {
  const isHex = /^([0-9a-f]{2})+$/i.test(secret)
  if (!isHex && !/^[\w+/-]{8,}={0,2}$/.test(secret)) return undefined
  const decoded = Buffer.from(secret, isHex ? 'hex' : 'base64').toString('latin1')
  return /^[\t\n\r -~]{6,}$/.test(decoded) ? decoded : undefined
}

const ALPHABETS: readonly (readonly [RegExp, number])[] = [
  [/^[0-9-]*$/, 10],
  [/^([0-9a-f-]*|[0-9A-F-]*)$/, 16],
  [/^([a-z]*|[A-Z]*)$/, 26],
  [/^([0-9a-z]*|[0-9A-Z]*)$/, 36],
  [/^[\w+/=.-]*$/, 64],
]
const alphabetOf = (text: string) => ALPHABETS.find(([form]) => form.test(text))?.[1] ?? 94

/** Shannon's, of the characters as they are distributed in the text itself. */
function entropyOf(text: string): number {
  const counts = Map.groupBy(text, (character) => character)
  return [...counts.values()].reduce(
    (bits, { length }) => bits - (length / text.length) * Math.log2(length / text.length),
    0,
  )
}

function predictedPlaces(text: string): boolean[] {
  const predicted = Array<boolean>(text.length).fill(false)
  const mark = (from: number, length: number) => predicted.fill(true, from, from + length)
  for (const { index, length } of words(text)) mark(index, length)
  for (const place of runs(text)) mark(place, 1)
  for (const { index, length } of repetitions(text)) mark(index, length)
  return predicted
}

interface Part {
  readonly index: number
  readonly length: number
}

/** Stretches of letters in one case, or with one capital first, that read like a language; digits in them as letters. */
function words(text: string): Part[] {
  const plain = text.replace(/(?<=[a-z])[013457@$!](?=[a-z])/gi, (digit) => LEET[digit] ?? digit)
  const long = [...plain.matchAll(/[A-Z]?[a-z]+|[A-Z]+/g)].filter(({ 0: word, index }) => {
    const isAsWritten = text.startsWith(word, index)
    return word.length >= SHORTEST_WORD && advantageOf(word) >= (isAsWritten ? LANGUAGE_FROM : LEET_FROM)
  })
  // Words too short to tell, and the separators around them.
  const short = [
    ...text.matchAll(/(?<=^|[-_ .,])([A-Z]?[a-z]{1,3}|[A-Z]{1,3})(?=[-_ .,]|$)|(?<=[a-z])[-_ .,](?=[a-z])/gi),
  ]
  return [...long, ...(short.length >= SHORTEST_SENTENCE ? short : [])].map(({ 0: { length }, index }) => ({
    index,
    length,
  }))
}

const LEET: Readonly<Record<string, string>> = {
  '0': 'o',
  '1': 'i',
  '3': 'e',
  '4': 'a',
  '5': 's',
  '7': 't',
  '@': 'a',
  $: 's',
  '!': 'i',
}

/** Mean over the pairs of letters. */
function advantageOf(word: string): number {
  let sum = 0
  for (let place = 1; place < word.length; place++) sum += pairAdvantage(word.slice(place - 1, place + 1).toLowerCase())
  return sum / (word.length - 1)
}

const LETTER_A = 97
const pairAdvantage = (pair: string) =>
  ((PAIRS[pair.charCodeAt(0) - LETTER_A] ?? '').charCodeAt(pair.charCodeAt(1) - LETTER_A) - LETTER_A) / 2 - 8

/** Rows, and the zigzags between them. */
const KEYBOARD = [
  '1234567890',
  'qwertyuiop',
  'asdfghjkl',
  'zxcvbnm',
  'azerty',
  'qwertz',
  '1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p',
  '1q2w3e4r5t6y7u8i9o0p',
  'qawsedrftgyhujikolp',
  'azsxdcfvgbhnjmkl',
]
const NEIGHBOURS = new Set(
  KEYBOARD.flatMap((row) => [...row].slice(1).flatMap((key, at) => [`${row[at]}${key}`, `${key}${row[at]}`])),
)

/** Characters that follow from the one before: `abcd`, `9876`, `aaaa`, `qwer`. One pair is chance, two are a run. */
function runs(text: string): number[] {
  const plain = text.toLowerCase()
  const follows = (place: number) => {
    const step = Math.abs(plain.charCodeAt(place) - plain.charCodeAt(place - 1))
    return step <= 1 || NEIGHBOURS.has(plain.slice(place - 1, place + 1))
  }
  const places: number[] = []
  for (let place = 2; place < plain.length; place++) if (follows(place) && follows(place - 1)) places.push(place)
  return places
}

/** What was there before, in any case. */
function repetitions(text: string): Part[] {
  const plain = text.toLowerCase()
  const found: Part[] = []
  for (let index = 1; index <= plain.length - SHORTEST_REPETITION; ) {
    let length = 0
    while (
      index + length < plain.length &&
      plain.slice(0, index + length).includes(plain.slice(index, index + length + 1))
    )
      length++
    if (length >= SHORTEST_REPETITION) found.push({ index, length })
    index += Math.max(1, length >= SHORTEST_REPETITION ? length : 1)
  }
  return found
}

/**
 * How much likelier than by chance the column's letter follows the row's in names, passwords and English, from `a` (8 bits less likely)
 * by half bits.
 */
const PAIRS = [
  'jprqkopmpintruiphtstpnmjom',
  'upmkufhktjitjlthgtojsigfpi',
  'tipithhurfsqhjuegtlsqicemi',
  'tllpwnnlujioplthfrqlskmdpi',
  'rorsponknhksptloivtrkomoqj',
  'thlkusmnuglriltigtlprkgfoh',
  'tmhlvlqssjhqmptidtpnrejenf',
  'vmhjvlfjuljnnnuhdplpqgkeoc',
  'rmspsnqghgmrqvtnhqtskpfjhm',
  'uimnthknrlpkjlukimuhtkulmh',
  'tmijxmhouklpoorjdormpgldqi',
  'umkqvmkiugltmitkbipqqmiarh',
  'vqogvhfgufgjrktsckoireidpf',
  'slrttoulskokmqrhgjstnnienk',
  'mopqlnolmhqsrvqqduqqrppkmj',
  'uhhhujfrsfitjgtraupqqdfcmd',
  'tikkiikioiijjjijqkkhyivkij',
  'umoqvmojuhnnoptleprrpnjdqh',
  'skqlvigssdonolspjhsvrhpimh',
  'tkmhvihtveinlkthdsrqpgldpl',
  'ppsprnpjpimtrtjrdutsfjfjjk',
  'vmggxmievjgkehrfdkijjhfeld',
  'umjlvjiruilnlqujhoqsjekfmg',
  'vntlsniotjilnkptjpptojmrql',
  'tqqqtpnmpnmrrrtsfpsqpjnjll',
  'vmkmvhkptgmoomskkkmlpkorqs',
]
