/**
 * Whether a person or a language model has made a secret up to look random. Such text avoids what chance brings: digits
 * and letters take turns (`8f3a9b2c`), kinds of characters follow a pattern (`kX9#mP2$`), nothing comes twice, letters
 * go up the alphabet (`aB3dE6gH9`), a few keys are hit again and again. Each habit is a model. It gives the number of bits
 * by which it makes the text likelier than independent draws do. For a generator's output, any model gives 25 bits or more
 * at most once in thirty million (Markov's inequality). There are a few dozen models.
 */

const EVIDENCE_BITS = 25
/** Two characters of the same kind in a row: people vary the kinds. */
const SAME_KIND = 0.08
/** A repeated character, compared with chance: people who make up a secret avoid repetitions. */
const SAME_CHARACTER = 0.3
/** A character of the kind that the pattern asks for. */
const IN_PATTERN = 0.92
const LONGEST_PATTERN = 6
/** The next letter is one of the next three in the alphabet: people go up the alphabet. */
const UPWARDS = 0.6
const UPWARDS_BY_CHANCE = 3 / 26
/** Weight of what was never seen, in an estimate of frequencies (Krichevsky and Trofimov have ½). */
const UNSEEN = 0.3
/** With so small an alphabet, nearly all characters come twice, and all letters are near each other. */
const FEW = 16

/** @param alphabet the characters that a generator of this form chooses from */
export function isMadeUp(text: string, alphabet: string): boolean {
  const characters = [...text.replace(/=+$/, '')].filter((each) => alphabet.length > FEW || each !== '-')
  const kinds = characters.map(kindOf)
  const bySequence = Math.max(0, varying(kinds), ...patterns(kinds))
  const byCharacter =
    alphabet.length > FEW ? Math.max(0, distinct(characters, alphabet.length), upwards(characters)) : 0
  return Math.max(bySequence + byCharacter, uneven(characters, alphabet.length)) >= EVIDENCE_BITS
}

const DIGIT = 0
const LOWER = 1
const UPPER = 2
const SIGN = 3

function kindOf(character: string): number {
  if (character >= '0' && character <= '9') return DIGIT
  if (character >= 'a' && character <= 'z') return LOWER
  return character >= 'A' && character <= 'Z' ? UPPER : SIGN
}

/** The share of each kind in the text itself: no generator, whatever its alphabet, explains the kinds better. */
function sharesOf(kinds: readonly number[]): number[] {
  return [DIGIT, LOWER, UPPER, SIGN].map((kind) => kinds.filter((each) => each === kind).length / kinds.length)
}

function varying(kinds: readonly number[]): number {
  const shares = sharesOf(kinds)
  const others = shares.filter((share) => share > 0).length - 1
  if (others === 0) return 0
  return sum(kinds, 1, (kind, place) => {
    const expected = kind === kinds[place - 1] ? SAME_KIND : (1 - SAME_KIND) / others
    return Math.log2(expected / (shares[kind] ?? 1))
  })
}

function patterns(kinds: readonly number[]): number[] {
  const shares = sharesOf(kinds)
  const others = shares.filter((share) => share > 0).length - 1
  if (others === 0) return []
  return Array.from({ length: LONGEST_PATTERN - 1 }, (_, at) => at + 2).map((period) =>
    sum(kinds, period, (kind, place) => {
      const expected = kind === kinds[place - period] ? IN_PATTERN : (1 - IN_PATTERN) / others
      return Math.log2(expected / (shares[kind] ?? 1))
    }),
  )
}

function distinct(characters: readonly string[], alphabet: number): number {
  const seen = new Set<string>()
  return sum(characters, 0, (character) => {
    const chance = Math.min(seen.size, alphabet - 1) / alphabet
    if (seen.has(character)) return Math.log2(SAME_CHARACTER)
    seen.add(character)
    return Math.log2((1 - SAME_CHARACTER * chance) / (1 - chance))
  })
}

function upwards(characters: readonly string[]): number {
  const letters = characters.filter((each) => /[a-z]/i.test(each)).map((each) => each.toLowerCase().charCodeAt(0))
  return sum(letters, 1, (letter, place) => {
    const step = (letter - (letters[place - 1] ?? 0) + 26) % 26
    const isUp = step >= 1 && step <= 3
    return Math.log2(isUp ? UPWARDS / UPWARDS_BY_CHANCE : (1 - UPWARDS) / (1 - UPWARDS_BY_CHANCE))
  })
}

/** What a code that learns the frequencies saves, compared with a code for equal frequencies. */
function uneven(characters: readonly string[], alphabet: number): number {
  const counts = new Map<string, number>()
  return sum(characters, 0, (character, place) => {
    const count = counts.get(character) ?? 0
    counts.set(character, count + 1)
    return Math.log2(((count + UNSEEN) / (place + UNSEEN * alphabet)) * alphabet)
  })
}

function sum<T>(all: readonly T[], from: number, bits: (each: T, place: number) => number): number {
  return all.slice(from).reduce((total, each, at) => total + bits(each, at + from), 0)
}
