import { describe, expect, it } from 'vitest'
import { createRandom } from './random.ts'
import { createWorld, INITIAL_STATE, randomStep, viewOfBody, viewsOf, type WorldState } from './world.ts'

const world = createWorld(7)
const seen = (state: Partial<WorldState>, user: 'ann' | 'bob') =>
  viewsOf(world, { ...INITIAL_STATE, ...state }).get(world[user])

describe('a world of the drill', () => {
  it('shows a grant of the parent group to members of the child, the highest permission winning', () => {
    expect(seen({ plainOnTop: 'read', plainOnTeam: 'write' }, 'ann')).toBe('w007/base=read#0;w007/plain=write#')
    expect(seen({ plainOnTop: 'read', plainOnTeam: 'write' }, 'bob')).toBe('w007/base=read#0;w007/plain=read#')
    expect(seen({ plainOnTop: 'read', plainOnTeam: null, teamUnderTop: false }, 'ann')).toBe('w007/base=read#0')
  })

  it('shows a disabled user nothing', () => {
    expect(seen({ bobDisabled: true }, 'bob')).toBe('')
  })

  it('reads a served list in the same form', () => {
    const item = (name: string, description: string | null) => ({ name, permission: 'read', description, id: 'x' })
    const body = JSON.stringify({ data: [item('w007/base', '0'), item('w007/plain', null)], nextCursor: null })
    expect(viewOfBody(body)).toBe(seen({}, 'ann'))
  })

  it('never lets anybody see the secret, and revokes before it adds it', () => {
    const random = createRandom(1)
    let state = INITIAL_STATE
    let pairs = 0
    for (let step = 0; step < 5000; step++) {
      const { next } = randomStep(world, state, random)
      if (next.secretOnTeam && !state.secretOnTeam) pairs++
      expect(next.secretOnTeam && next.annInTeam).toBe(false)
      state = next
    }
    expect(pairs).toBeGreaterThan(100)
  })

  it('repeats itself from the same seed', () => {
    const walk = (seed: number) => {
      const random = createRandom(seed)
      return Array.from({ length: 50 }).reduce<WorldState>(
        (state) => randomStep(world, state, random).next,
        INITIAL_STATE,
      )
    }
    expect(walk(3)).toEqual(walk(3))
    expect(walk(3)).not.toEqual(walk(4))
  })
})
