import { describe, expect, it } from 'vitest'
import { createImportReader } from './reader.ts'

const blockOf = (body: unknown) => new TextEncoder().encode(JSON.stringify(body))
const users = (count: number, id: (at: number) => unknown = (at) => `user-${at}`) => ({
  users: Array.from({ length: count }, (_, at) => ({ id: id(at), displayName: 'somebody with a rather long name' })),
})
const LARGE = 10_000
const script = (text: string) => new URL(`data:text/javascript,${encodeURIComponent(text)}`)

describe('the body of an import', () => {
  it('is read at once where it is small, and a thread is given the bytes of a large one', async () => {
    const read = createImportReader()
    const [small, large] = [blockOf(users(10)), blockOf(users(LARGE))]
    expect((await read([small])).sizes.users).toBe(10)
    expect(small.buffer.detached).toBe(false)
    const { sizes, pieces } = await read([large])
    expect([sizes.users, pieces.users.reduce((sum, { items }) => sum + items, 0)]).toEqual([LARGE, LARGE])
    expect(large.buffer.detached).toBe(true)
  })

  it('is the same in blocks, wherever they are cut', async () => {
    const whole = blockOf(users(LARGE, (at) => `ü-${at}`))
    const blocks = [whole.slice(0, 300_001), whole.slice(300_001, 300_002), whole.slice(300_002)]
    expect((await createImportReader()(blocks)).sizes.users).toBe(LARGE)
  })

  it('is refused by a thread as it is at once', async () => {
    const read = createImportReader()
    await expect(read([blockOf(users(LARGE, (at) => (at === 9876 ? 1 : `${at}`)))])).rejects.toMatchObject({
      code: 'invalid-input',
      problems: [{ path: '/users/9876/id', message: 'must be a string' }],
    })
    const cut = blockOf(users(LARGE)).slice(0, -1)
    await expect(read([cut])).rejects.toMatchObject({ code: 'malformed-request' })
    const item = blockOf({ users: [{ id: 'x'.repeat(2_000_000) }] })
    await expect(read([item])).rejects.toMatchObject({
      code: 'payload-too-large',
      message: '/users/0 is larger than an import allows.',
    })
  })

  it.each([
    // Small pieces: where a single one is too large, as when an array grows, V8 may end the process instead of the thread.
    ['needs too much memory', 'let last = null; for (;;) last = { last }', 'payload-too-large'],
    ['ends without a word', 'process.exit(0)', 'overloaded'],
  ])('is refused where its thread %s, and the next one is read', async (_what, text, code) => {
    const read = createImportReader({ thread: script(text), memoryMb: 50 })
    for (let time = 0; time < 2; time++) await expect(read([blockOf(users(LARGE))])).rejects.toMatchObject({ code })
  })

  it('fails as the thread does where that has a fault of its own', async () => {
    const read = createImportReader({ thread: script('throw new TypeError("a fault")') })
    await expect(read([blockOf(users(LARGE))])).rejects.toThrow('a fault')
  })
})
