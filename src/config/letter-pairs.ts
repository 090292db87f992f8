/** Measures whether pairs of letters look like words or like noise. */

/** @returns the mean over the pairs of letters, in bits; positive for language */
export function languageAdvantage(word: string): number {
  let sum = 0
  for (let place = 1; place < word.length; place++) sum += pairAdvantage(word.slice(place - 1, place + 1).toLowerCase())
  return sum / (word.length - 1)
}

const LETTER_A = 97
const pairAdvantage = (pair: string) =>
  ((PAIRS[pair.charCodeAt(0) - LETTER_A] ?? '').charCodeAt(pair.charCodeAt(1) - LETTER_A) - LETTER_A) / 2 - 8

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
