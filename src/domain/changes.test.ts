import { expect, it } from 'vitest'
import { parseSnapshot } from '../cache/index.ts'
import { type ChangePage, createChangeFeed } from './changes.ts'
import { createCursorCodec } from './cursor.ts'

/** A log that has nothing new, and says so when the test lets it. */
function quietLog() {
  const upTo = parseSnapshot('10:10:')
  const nothing: ChangePage = { database: 'one', upTo, rows: [], more: false, complete: true }
  const asked: PromiseWithResolvers<ChangePage>[] = []
  const log = {
    now: async () => nothing,
    after() {
      const answer = Promise.withResolvers<ChangePage>()
      asked.push(answer)
      return answer.promise
    },
  }
  return { log, answer: () => asked.shift()?.resolve(nothing) }
}

it.each(['the stream', 'the feed'])('%s that is closed during a read of the log ends at once', async (what) => {
  const { log, answer } = quietLog()
  const cursors = createCursorCodec('a secret of the test')
  const feed = createChangeFeed({ log, cursors, streamsMax: 1, heartbeatMs: 60_000, lifeMs: 120_000 })
  const stream = await feed.open()
  expect(await stream.next()).toHaveLength(1)
  const next = stream.next()
  if (what === 'the feed') feed.close()
  else stream.close()
  answer()
  expect(await next).toBeNull()
})
