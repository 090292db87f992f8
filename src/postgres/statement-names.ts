/**
 * The name under which a statement is prepared, so that a connection plans it once.
 *
 * Through a pooler in transaction mode a name may have been prepared on another server connection, or by another
 * program for another text. Some poolers handle this themselves (PgBouncer from 1.21 on); the start finds out. There a
 * statement's name is made of its text, so that it never stands for another one, and a failure that shows that a name
 * was lost ends the use of names.
 */
import { createHash } from 'node:crypto'
import type { Pooler } from './connection-settings.ts'
import { codeOf } from './failures.ts'

export interface Named {
  readonly name?: string | undefined
  readonly text: string
}

export interface StatementNames {
  readonly areKept: boolean
  /** The pooler was found to keep names. */
  keep(): void
  /** The statement as it is sent: without a name where names are not kept. */
  sent<Statement extends Named>(statement: Statement): Statement
  /**
   * Learns from the failure of a statement whether names work: the next attempt goes without a name, or plans again.
   */
  failed(sent: Named, error: unknown): void
}

/** The name is unknown there, or known for something that another connection prepared. */
const LOST = /^(26000|42P05)$/
/** The columns have other types than when it was planned. Behind a pooler each server connection goes on saying so. */
const CHANGED = '0A000'

/** @param onLost is told once when the pooler turns out not to keep names any more */
export function createStatementNames(pooler: Pooler, onLost: (error: unknown) => void = () => {}): StatementNames {
  const pooled = pooler === 'transaction'
  let areKept = !pooled
  /** An edition of the texts: poolers know a statement by its text, so only another text is planned again. */
  let edition = 0
  const known = new Map<string, { readonly name: string; readonly text: string }>()

  function renamed(name: string, text: string) {
    const current = edition === 0 ? text : `${text} -- ${edition}`
    return { name: pooled || edition > 0 ? hashOf(current) : name, text: current }
  }

  return {
    get areKept() {
      return areKept
    },
    keep() {
      areKept = true
    },
    sent(statement) {
      const { name, text } = statement
      if (name === undefined) return statement
      if (!areKept) return { ...statement, name: undefined }
      if (!pooled && edition === 0) return statement
      const found = known.get(text) ?? renamed(name, text)
      known.set(text, found)
      return { ...statement, ...found }
    },
    failed({ name, text }, error) {
      if (name === undefined) return
      const code = codeOf(error)
      if (code === CHANGED && (edition === 0 || text.endsWith(` -- ${edition}`))) {
        edition++
        known.clear()
      }
      if (!pooled || !areKept || !LOST.test(code)) return
      areKept = false
      onLost(error)
    },
  }
}

const hashOf = (text: string) => createHash('sha256').update(text).digest('base64url')
