/**
 * Ids of users as the lines of one text: of fifty thousand objects the garbage collector would have to copy each that is
 * still needed, and everybody else would wait for it. No id contains a control character.
 */
import type { UserId } from './model.ts'

export interface UserIds extends Iterable<UserId> {
  readonly size: number
  readonly lines: string
}

export function userIdsIn(lines: string, size: number): UserIds {
  return { size, lines, [Symbol.iterator]: () => linesOf(lines) }
}

export function userIdsOf(users: readonly UserId[]): UserIds {
  return userIdsIn(users.join('\n'), users.length)
}

function* linesOf(text: string): Generator<UserId> {
  for (let begin = 0; begin < text.length; ) {
    const end = text.indexOf('\n', begin)
    const line = end === -1 ? text.slice(begin) : text.slice(begin, end)
    yield line as UserId
    begin += line.length + 1
  }
}
