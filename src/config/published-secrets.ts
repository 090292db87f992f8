/** Secrets that anybody can look up, although they look random: those of documentations and tutorials, and hashes of words. */
import { createHash } from 'node:crypto'

/**
 * Examples that were random once, as the beginnings of their SHA-256: of the documentations of frameworks and of services
 * that are run from a copied file, of tutorials, and from public lists of secrets found in code. In this form no scanner
 * takes them for secrets of ours.
 */
const EXAMPLES = new Set(
  words(`
  02862334feea 03ea7f99dd86 0442ef63303a 04eae10378b0 0567bf3948b3 078154f93543 0b4a12623dff 0dfb5355e1cb
  0f44b34c6311 0f7fead09ce2 11b0460eeb9c 12b97d3c9a43 12d10b960e63 14469ea77e61 14e764a65695 153c3512989c
  15b4f7f95b87 16795f4f62d6 16ca4421e03f 16fc25a977ab 174e1c359f3c 17eef17a8648 180a6757051b 189cde965faa
  1ae49db7f87d 1b5d46ad378f 1bdf6c5fce0a 1bec6237eaab 1c397faea943 1d2b658cde2a 1fecbfee6ffa 242d7681fe0f
  2598f7d6adc1 282ad5f60261 288cb15ef34c 293ea2ac42d7 2b1fa627178e 2b9385d22113 32fd1b040572 344f890d8278
  346df5e2ba53 34f4601beeb6 355ff5f8b262 367334d58bfe 384af9e84548 38634334d6e7 3ee064e563af 41056947dadd
  429210291969 42d14de00d78 433d97d84a8f 44f43a2bbdba 466e6e284544 47d6092a1023 48cec5751039 4a17df0eb3ea
  4e557a400285 527beb1a700d 52e20d13d7b9 53aab5267925 53d52c0cd3e1 5546013923a5 56939cd062f5 570dad43de1a
  58a9d2fa7a15 5a71d0fb5181 5ada91c13f54 5c2b37082fd0 5df73e1aa59d 5f2af6c9bdb1 5fdf298e9a0c 60ffb2516a8e
  6255457d4999 628d207a6499 64004eec4bf0 646e6c581a4b 69024f21e9ad 698d06660fef 6a4c0104f77b 6ae3b27ce471
  6bc17c8ac11d 6c100723d276 6e74fc9208a6 7093df239426 72a7e2bcdcc2 79125ff72f6b 7b129647ee6d 7c1154b51529
  7ce83e3c56d9 80f5c0f4209a 818a6132a062 82dae75ec017 84174ac44b30 852e7631bb18 8591e9f354a1 8bb0fed3da6b
  8dc4cd7bd8a3 8f68b821aab3 9136fa832c6e 92248f1b518c 9494be84dc4f 98ed6aa31756 9b2602654bfb 9b4e5829121e
  9e4bdc47c717 9ebbf4044d61 9f1926c11fff 9fb006056c33 a02e5cdaf0c5 a077390ff625 a25c883dd991 a3f68c0243f0
  a3facfec4892 a56bab644642 a6cb5f8ddb4f ad851f6c906e af48fdb0ec35 af64c391951f b2ec51d37d4b b42beead92ca
  b5dfbdf40233 b7a54f6b47c7 b8a42220b9a3 bcf83265161b bd8b9e5e0aa9 c0099ffc8050 c15327a07af9 c221bcece48c
  c245ad955b99 cd202d0ce3d4 cdb2c8456f13 ceb444822c56 d1e7abb71061 d431ee63d3d3 d748e093a654 d85935199fd2
  d9fd6a2401a3 dba50a1519a5 dbefdc0a7374 dcb4f196efe4 e5ec23f6556f e77a95dbe66e e845d53ff589 e8d9f2aa1f8d
  e95c33a6b972 e9ae0b209f30 e9fbd9c034f6 eec4ecc80bbd ef1ca7491dee ef54c6b0b90f ef8616597048 f021babacbf2
  f10c46c02050 f38b99ecdffa f4a2068ac973 f4c36d0a5181 f529fe641915 f6670442d490 ff41954028af fff67a5a8fc3
`),
)

/** People who know that a word is no secret take the hash of one. */
const HASHED_WORDS = words(`
  a abc abc123 abcdef admin change changeit changeme cursor cursor_secret cursor-secret CURSOR_SECRET cursorsecret default
  dev development example foo foobar hello helloworld jwt jwt_secret jwtsecret key letmein master my-secret mysecret
  my_secret none null password password1 Password p@ssw0rd passw0rd portcullis portcullis-secret private prod production
  qwerty redis root salt secret Secret SECRET secret1 secret123 secretkey secret_key secret-key session super-secret
  supersecret super_secret test test123 test1234 testing token undefined user welcome 0 1 12 123 1234 12345 123456 1234567
  12345678 123456789 1234567890
`)
const DIGESTS = ['md5', 'sha1', 'sha256', 'sha384', 'sha512'] as const
const FORMS = ['hex', 'base64', 'base64url'] as const

export function isPublished(secret: string): boolean {
  const text = secret.trim().replace(/^base64:/i, '')
  return EXAMPLES.has(beginningOf(text)) || hashes().has(caseless(text))
}

const BEGINNING = 12
/** Hexadecimal digits are the same in either case. */
const beginningOf = (text: string) => createHash('sha256').update(caseless(text)).digest('hex').slice(0, BEGINNING)
const caseless = (text: string) => (/^[0-9A-F]+$/.test(text) ? text.toLowerCase() : text).replace(/=+$/, '')

function words(text: string): string[] {
  return text.trim().split(/\s+/)
}

let known: Set<string> | undefined
function hashes(): Set<string> {
  known ??= new Set(
    ['', ...HASHED_WORDS].flatMap((word) =>
      DIGESTS.flatMap((digest) => FORMS.map((form) => caseless(createHash(digest).update(word).digest(form)))),
    ),
  )
  return known
}
