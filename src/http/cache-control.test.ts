import { describe, expect, it } from 'vitest'
import { refusesCachedAnswer } from './cache-control.ts'

describe('the Cache-Control of a request', () => {
  it.each([
    'no-cache',
    'No-Cache',
    'max-age=0',
    'max-age=0, no-cache',
    'max-age=60',
    'max-age=899',
    'MAX-AGE=0',
    'max-age="0"',
    'max-age = 0',
    'max-age',
    'max-age=',
    'max-age=-1',
    'max-age=soon',
    'no-store',
    'no-transform,no-cache',
    ' no-cache ',
    'x="a, b", no-cache',
    'max-age=3600, max-age=0',
  ])('%j wants the source of truth', (header) => expect(refusesCachedAnswer(header)).toBe(true))

  it.each([
    '',
    ',',
    'max-age=900',
    'max-age=31536000',
    'max-stale',
    'max-stale=0',
    'min-fresh=60',
    'no-transform',
    'only-if-cached',
    'no-cached',
    'x-no-cache',
    'x="no-cache"',
    'x="a, no-cache, b"',
    'x="a\\", no-cache, b"',
    'x=no-cache',
  ])('%j is content with the cache', (header) => expect(refusesCachedAnswer(header)).toBe(false))

  it('is read in no time, however it is written', () => {
    const began = performance.now()
    for (const part of ['"', '\\"', '"\\', ' ', '=', ',', 'max-age=0"'])
      refusesCachedAnswer(part.repeat(16_000 / part.length))
    expect(performance.now() - began).toBeLessThan(500)
  })
})
