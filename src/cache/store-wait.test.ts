import { describe, expect, it } from 'vitest'
import { StoreWait } from './store-wait.ts'

describe('the wait of a request for the store', () => {
  it('adds up over commands that follow each other, without the time between them', () => {
    const wait = new StoreWait()
    expect(wait.begin(1000)).toBe(0)
    wait.end(1060)
    expect(wait.begin(5000)).toBe(60)
    wait.end(5010)
    expect(wait.spentMs).toBe(70)
  })

  it('counts commands side by side once', () => {
    const wait = new StoreWait()
    wait.begin(0)
    expect(wait.begin(20)).toBe(20)
    wait.end(50)
    wait.end(80)
    expect(wait.begin(1000)).toBe(80)
  })
})
