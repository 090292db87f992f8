/**
 * Finds the parts of a JSON object in its text: its members, and the items of a list, some at a time. Parsed as a
 * whole, a million items need several hundred megabytes; part by part, hardly more than their text.
 *
 * Only strings, brackets and separators are looked at, and that is enough to find the parts of a text that is JSON. The
 * parser decides whether it is JSON, and must be given every part; this code checks everything between the parts.
 */
import { notJson } from '../plain-json.ts'
import { HttpError } from '../problem.ts'

/** No part may need more to be parsed than the body of any other call does. */
const PART_BYTES = 1024 * 1024
/** More than an import can have by far. */
const MEMBERS_MAX = 100

export interface Member {
  /** A string, unless the text is not JSON. */
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/** @returns null where the text is not that of an object. @throws HttpError `malformed-request`, `payload-too-large` */
export function membersOf(bytes: Uint8Array): Member[] | null {
  const text = withoutBlanks(bytes)
  if (text[0] !== OPEN_BRACE) return null
  if (text.at(-1) !== CLOSE_BRACE) throw notJson()
  const inside = text.subarray(1, -1)
  if (withoutBlanks(inside).length === 0) return []
  const members: Member[] = []
  for (let at = 0; at <= inside.length; ) {
    const colon = endOfPart(inside, at)
    if (inside[colon] !== COLON) throw notJson()
    const end = endOfPart(inside, colon + 1)
    if (end < inside.length && inside[end] !== COMMA) throw notJson()
    if (members.length === MEMBERS_MAX) throw tooLarge('The body')
    members.push({ key: inside.subarray(at, colon), value: inside.subarray(colon + 1, end) })
    at = end + 1
  }
  return members
}

/**
 * The items of a list as texts of lists of at most `count` of them, or null where the text is not that of a list.
 * @param pointer to the list
 * @throws HttpError `malformed-request`, `payload-too-large` while it is read
 */
export function listsOf(bytes: Uint8Array, pointer: string, count: number): Iterable<Uint8Array> | null {
  const text = withoutBlanks(bytes)
  return text[0] === OPEN_BRACKET && text.at(-1) === CLOSE_BRACKET ? runsOf(text.subarray(1, -1), pointer, count) : null
}

function* runsOf(inside: Uint8Array, pointer: string, count: number): Generator<Uint8Array> {
  if (withoutBlanks(inside).length === 0) return
  let position = 0
  for (let from = 0; from <= inside.length; ) {
    let end = from - 1
    for (let items = 0; items < count && end < inside.length && end - from < PART_BYTES; items++) {
      const begin = end + 1
      end = endOfPart(inside, begin)
      if (end < inside.length && inside[end] !== COMMA) throw notJson()
      if (end - begin > PART_BYTES) throw tooLarge(`${pointer}/${position}`)
      position++
    }
    // In brackets of its own it would be an empty list; here an item is missing.
    if (withoutBlanks(inside.subarray(from, end)).length === 0) throw notJson()
    yield listOf(inside.subarray(from, end))
    from = end + 1
  }
}

/** @throws HttpError `payload-too-large` */
export function checkPart(text: Uint8Array, pointer: string): Uint8Array {
  if (text.length > PART_BYTES) throw tooLarge(pointer)
  return text
}

const tooLarge = (what: string) => new HttpError('payload-too-large', `${what} is larger than an import allows.`)

function listOf(items: Uint8Array): Uint8Array {
  const list = new Uint8Array(items.length + 2)
  list[0] = OPEN_BRACKET
  list.set(items, 1)
  list[list.length - 1] = CLOSE_BRACKET
  return list
}

/** Where the value that begins here ends: at a separator or a bracket that is not its own, or with the text. */
function endOfPart(text: Uint8Array, from: number): number {
  let depth = 0
  for (let at = from; at < text.length; at++) {
    switch (text[at]) {
      case QUOTE:
        at = endOfString(text, at)
        break
      case OPEN_BRACE:
      case OPEN_BRACKET:
        depth++
        break
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        if (depth === 0) return at
        depth--
        break
      case COMMA:
      case COLON:
        if (depth === 0) return at
    }
  }
  return text.length
}

/** The position of the closing quote. */
function endOfString(text: Uint8Array, quote: number): number {
  let at = quote + 1
  while (at < text.length && text[at] !== QUOTE) at += text[at] === BACKSLASH ? 2 : 1
  return at
}

function withoutBlanks(text: Uint8Array): Uint8Array {
  let from = 0
  let to = text.length
  while (from < to && isBlank(text[from])) from++
  while (from < to && isBlank(text[to - 1])) to--
  return text.subarray(from, to)
}

const isBlank = (byte: number | undefined) => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_BRACKET = 0x5b
const BACKSLASH = 0x5c
const CLOSE_BRACKET = 0x5d
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
