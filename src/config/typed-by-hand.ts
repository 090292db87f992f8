/**
 * Whether a secret was typed by hitting keys at random. That is less random than people think: hands stay on a row,
 * above all on the middle one.
 */

const ROWS = ['`1234567890-=~!@#$%^&*()_+', 'qwertyuiop[]{}|\\', 'asdfghjkl;\':"', 'zxcvbnm,./<>?']
const rowOf = (key: string) => ROWS.findIndex((row) => row.includes(key.toLowerCase()))

/** Which row follows which when people type, from secrets that were found in code. */
const TYPED = [
  [0.68, 0.12, 0.13, 0.07],
  [0.11, 0.39, 0.39, 0.11],
  [0.07, 0.15, 0.68, 0.1],
  [0.12, 0.18, 0.4, 0.3],
]
/** A random text reaches this in one of a million at most, whatever the table above is worth (Markov's inequality). */
const EVIDENCE_BITS = 20
/** Digits, and hexadecimal digits, are in a row anyway. */
const FEW_LETTERS = /^[0-9a-f-]*$/i

/** @param alphabet the characters that a generator of this form chooses from */
export function isTypedByHand(text: string, alphabet: string): boolean {
  if (FEW_LETTERS.test(text)) return false
  const chances = ROWS.map((_, row) => [...alphabet].filter((key) => rowOf(key) === row).length / alphabet.length)
  const rows = [...text].map(rowOf).filter((row) => row >= 0)
  let evidence = 0
  for (let place = 1; place < rows.length; place++) {
    const row = rows[place] ?? 0
    evidence += Math.log2((TYPED[rows[place - 1] ?? 0]?.[row] ?? 1) / (chances[row] || 1))
  }
  return evidence >= EVIDENCE_BITS
}
