/** The parts of a text that a guesser expects: words, runs, repetitions, and the sequences of example generators. */

import { languageAdvantage } from './letter-pairs.ts'

const SHORTEST_WORD = 4
const SHORTEST_REPETITION = 4
/** Short words and separators from which they are no chance. */
const SHORTEST_SENTENCE = 4
/** Mean advantage of "is language" over "is noise" in a pair of letters, in bits, from which letters count as a word. */
const LANGUAGE_FROM = 0.1
/** And in the whole word: four letters are like language often enough by chance. */
const WORD_FROM = 3

/** @returns for each UTF-16 unit whether it is expected */
export function predictedPlaces(text: string): boolean[] {
  const predicted = Array<boolean>(text.length).fill(false)
  const mark = (from: number, length: number) => predicted.fill(true, from, from + length)
  for (const { index, length } of words(text)) mark(index, length)
  for (const place of [...runs(text), ...progressions(text)]) mark(place, 1)
  for (const { index, length } of repetitions(text)) mark(index, length)
  // Generators of secrets do not use other scripts; people do.
  for (const { index, 0: letters } of text.matchAll(/[^\0-\u007f]+/g)) mark(index, letters.length)
  return predicted
}

/** How many bits likelier language, repetitions and runs make the text than chance does. */
export function patternBits(text: string, alphabet: number): number {
  const plain = withLetters(text)
  const language = words(text).map(({ index, length }) =>
    length < SHORTEST_WORD ? WEAK_BITS : languageAdvantage(plain.slice(index, index + length)) * (length - 1),
  )
  const repeated = repetitions(text).map(
    // It can begin anywhere, and be of what begins anywhere before.
    ({ length }) => Math.max(0, length * Math.log2(alphabet) - 2 * Math.log2(text.length)),
  )
  return [...language, ...repeated].reduce((sum, bits) => sum + bits, runs(text).length * WEAK_BITS)
}

/** Of a short word or a place of a run: neighbours on a keyboard and in the alphabet are many. */
const WEAK_BITS = 1

interface Part {
  readonly index: number
  readonly length: number
}

/** Stretches of letters in one case, or with one capital first, that read like a language; digits in them as letters. */
function words(text: string): Part[] {
  const plain = withLetters(text)
  const long = [...plain.matchAll(/[A-Z]?[a-z]+|[A-Z]+/g)].filter(({ 0: word }) => {
    const advantage = languageAdvantage(word)
    return word.length >= SHORTEST_WORD && advantage >= LANGUAGE_FROM && advantage * word.length >= WORD_FROM
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

const withLetters = (text: string) => text.replace(/(?<=[a-z])[013457@$!](?=[a-z])/gi, letterFor)

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

/** The letter that a digit or sign stands for. */
export const letterFor = (sign: string) => LEET[sign] ?? sign

/** Rows, and the zigzags between them. */
const KEYBOARD = [
  '1234567890-=',
  '!@#$%^&*()_+',
  'qwertyuiop[]',
  "asdfghjkl;'",
  'zxcvbnm,./',
  'azerty',
  'qwertz',
  '1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/',
  '!qaz@wsx#edc$rfv%tgb^yhn&ujm*ik,(ol.)p;/',
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

/**
 * A website that generates "encryption keys" walks this ring in steps of three, at the even places and at the odd ones;
 * its keys are in many tutorials of JWT, and there are as many of them as the ring has pairs.
 */
const GENERATOR = '!/$%?&*()-+@abcdefghjkmnpqrstuvwxyzABCDEFGHJKMNPQRSTUVWXYZ23456789'
const GENERATOR_STEP = 3
const RINGS = ['0123456789', 'abcdef', 'abcdefghijklmnopqrstuvwxyz', 'ABCDEF', 'ABCDEFGHIJKLMNOPQRSTUVWXYZ']

/** Two sequences that take turns: `a1b2c3`, `8f9a0b1c`, `00010203`, and that of the generator. */
function progressions(text: string): number[] {
  const goesOn = (place: number) => isNext(text[place - 2] ?? '', text[place] ?? '')
  const places: number[] = []
  for (let place = 4; place < text.length; place++)
    if (goesOn(place) && goesOn(place - 2)) places.push(place - 2, place)
  return places
}

function isNext(before: string, after: string): boolean {
  return isStep(GENERATOR, before, after, GENERATOR_STEP) || RINGS.some((ring) => isStep(ring, before, after, 1))
}

function isStep(ring: string, before: string, after: string, step: number): boolean {
  const from = ring.indexOf(before)
  return from >= 0 && ring[(from + step) % ring.length] === after
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
