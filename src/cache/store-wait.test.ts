import { describe, expect, it } from 'vitest'
import { RequestWait, SharedWait } from './store-wait.ts'

describe('the wait of a request for the store', () => {
  it('adds up over commands that follow each other, and not what lies between them', () => {
    const wait = new RequestWait(100)
    expect(wait.begin(1000)).toBe(0)
    wait.end(1060)
    expect(wait.begin(5000)).toBe(60)
    expect(wait.leftMs(5010)).toBe(30)
    wait.end(5010)
    expect(wait.spentMs).toBe(70)
  })

  it('counts commands side by side once', () => {
    const wait = new RequestWait(100)
    wait.begin(0)
    expect(wait.begin(20)).toBe(20)
    wait.end(50)
    wait.end(80)
    expect(wait.leftMs(1000)).toBe(20)
  })
})

describe('work that many wait for', () => {
  it('costs each the time in which it waits for the store, while he waits for it', () => {
    const shared = new SharedWait()
    const [early, late] = [new RequestWait(100), new RequestWait(100)]
    shared.join(early, 0)
    expect(shared.begin(10)).toBe(0)
    shared.join(late, 30)
    shared.end(50)
    shared.begin(60)
    shared.leave(early, 70)
    shared.end(90)
    shared.leave(late, 100)
    expect([early.spentMs, late.spentMs]).toEqual([50, 50])
  })

  it('is never cut short itself', () => {
    const shared = new SharedWait()
    shared.begin(0)
    expect(shared.begin(500)).toBe(0)
    shared.end(600)
    expect(shared.spentMs).toBe(0)
  })
})
