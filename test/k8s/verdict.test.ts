import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { describe, expect, test } from 'vitest'

const SCRIPTS = path.resolve(import.meta.dirname, '../../k8s/base/redis-sentinel/scripts')

/** Feeds opinions to the very function of the start script. */
function verdict(...opinions: string[]): string {
  const env = { PATH: process.env.PATH, POD_NAME: 'redis-node-0', SERVICE_DOMAIN: 'redis.test', SCRIPT_DIR: SCRIPTS }
  return (
    execFileSync('sh', ['-c', '. "$SCRIPT_DIR/lib.sh"; verdict'], { env, input: `${opinions.join('\n')}\n` })
      .toString()
      .trim()
      // awk walks its keys in no order.
      .replace(/^tie (.*)$/, (_, hosts: string) => `tie ${hosts.split(' ').sort().join(' ')}`)
  )
}

describe('what the opinions of three Sentinels amount to (bootstrap steps 2 to 4)', () => {
  test.each([
    ['step 2: nobody answers', ['down', 'down', 'down'], 'unknown'],
    ['step 2: one answers, whatever it says', ['down', '7 a', 'down'], 'unknown'],
    ['step 2: one answers that it knows nothing', ['none', 'down', 'down'], 'unknown'],
    ['step 3: two agree', ['3 a', '3 a', 'down'], 'agreed a'],
    ['step 3: two agree against a third with a higher epoch', ['3 a', '3 a', '4 b'], 'agreed a'],
    ['step 3: all agree', ['0 a', '0 a', '0 a'], 'agreed a'],
    ['step 3: two disagree: the highest epoch', ['3 a', '4 b', 'down'], 'newest b'],
    ['step 3: the epoch is a number, not a text', ['9 a', '10 b', 'down'], 'newest b'],
    ['step 3: three disagree: the highest epoch', ['3 a', '5 c', '4 b'], 'newest c'],
    ['step 3: two disagree at the same epoch', ['3 a', '3 b', 'down'], 'tie a b'],
    ['step 3: an older opinion takes no part in a tie', ['3 a', '3 b', '2 c'], 'tie a b'],
    ['step 3: one remembers and all answer', ['none', '3 a', 'none'], 'agreed a'],
    ['step 3: one remembers, one is blank, one is missing', ['none', '3 a', 'down'], 'lone a'],
    ['step 3: two remember differently, one is blank', ['none', '3 a', '4 b'], 'newest b'],
    ['step 4: all answer, none monitors', ['none', 'none', 'none'], 'none'],
    ['step 4: two answer, none monitors', ['none', 'down', 'none'], 'none-partial'],
  ])('%s', (_, opinions, expected) => {
    expect(verdict(...opinions)).toBe(expected)
  })
})
