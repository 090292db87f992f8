/** Statements that find one row by its id or by its name: a text of its own for each, so that each has its index. */
import type { Ref } from '../../domain/model.ts'
import type { Statement } from '../pool.ts'

export interface ByRef {
  readonly id: Statement
  readonly name: Statement
}

/** @param text of the statement, given the condition that names the row by the parameter */
export function byRef(name: string, parameter: string, text: (condition: string) => string): ByRef {
  return {
    id: { name: `${name}-by-id`, text: text(`id = ${parameter}::uuid`) },
    name: { name: `${name}-by-name`, text: text(`name = ${parameter}`) },
  }
}

export function statementFor(statements: ByRef, ref: Ref<string>): Statement {
  return 'id' in ref ? statements.id : statements.name
}

export function namedBy(ref: Ref<string>): string {
  return 'id' in ref ? ref.id : ref.name
}

/** For statements that find several: the ids and the names. */
export function splitRefs(refs: readonly Ref<string>[]): [ids: string[], names: string[]] {
  return [
    refs.flatMap((ref) => ('id' in ref ? [ref.id] : [])),
    refs.flatMap((ref) => ('name' in ref ? [ref.name] : [])),
  ]
}
