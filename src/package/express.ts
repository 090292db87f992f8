/** The door to Express: a handler whose writes and rules are one transaction, answered after its commit. */
import type { Request, RequestHandler, Response } from 'express'
import type { Cache, CacheRule, LayerRows } from '../cache/index.ts'

/** A handler sent its answer before the commit; the transaction was rolled back. */
export class AnsweredTooEarlyError extends Error {
  readonly code = 'answered-too-early'
}

/**
 * A handler around one mutation: `app.put('/prices/:group', mutating(cache, 'setPrice', rules, work))`. `work` returns the body; it is sent after the commit, with a `Consistency-Token` for
 * `read.after(token, …)`. Without a body the answer is 204. A status set by `res.status(201)` is kept.
 * @param event what the log calls it
 * @param rules what goes stale, from the request: `(req) => [cache.entry('prices', req.params.group)]`
 * @param work runs inside the transaction; its errors go to Express's error handler, and nothing is written
 */
export function mutating<Rows extends LayerRows, Tx, Query>(
  cache: Pick<Cache<Rows, Tx, Query>, 'mutate'>,
  event: string,
  rules: (req: Request) => readonly CacheRule<Tx>[],
  work: (tx: Tx, req: Request, res: Response) => Promise<unknown>,
): RequestHandler {
  return async function mutatingHandler(req, res, next) {
    try {
      const { value, token } = await cache.mutate(event, rules(req), async (tx) => {
        const body = await work(tx, req, res)
        // An answer before the commit would acknowledge a change that may still fail, and that others cannot see yet.
        if (res.headersSent) throw new AnsweredTooEarlyError(`${event}: return the body instead of sending it`)
        return body
      })
      res.setHeader('Consistency-Token', token)
      if (value === undefined) res.status(res.statusCode === 200 ? 204 : res.statusCode).end()
      else res.json(value)
    } catch (error) {
      next(error)
    }
  }
}
