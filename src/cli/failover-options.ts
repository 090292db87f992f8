/** The arguments of `npm run failover`. */
import { parseArgs } from 'node:util'
import type { FaultKind } from '../local/master-fault.ts'

export const FAILOVER_USAGE =
  'usage: npm run failover [-- --kill | --hang | --graceful] [--seconds 20] [--rate 50] [--user alice]'

export interface FailoverOptions {
  readonly kind: FaultKind
  readonly seconds: number
  readonly perSecond: number
  readonly user: string
}

/** @throws Error with the usage for anything that is not in it */
export function parseFailoverOptions(args: string[]): FailoverOptions {
  const { values } = parseArgs({
    args,
    options: {
      kill: { type: 'boolean', default: false },
      hang: { type: 'boolean', default: false },
      graceful: { type: 'boolean', default: false },
      seconds: { type: 'string', default: '20' },
      rate: { type: 'string', default: '50' },
      user: { type: 'string', default: 'alice' },
    },
  })
  const kinds = (['kill', 'hang', 'graceful'] as const).filter((kind) => values[kind])
  if (kinds.length > 1) throw new Error(`Only one of --kill, --hang and --graceful.\n${FAILOVER_USAGE}`)
  return {
    kind: kinds[0] ?? 'kill',
    seconds: readNumber('--seconds', values.seconds, { lowest: 10, highest: 3_600 }),
    perSecond: readNumber('--rate', values.rate, { lowest: 1, highest: 2_000 }),
    user: values.user,
  }
}

function readNumber(name: string, text: string, range: { lowest: number; highest: number }): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= range.lowest && value <= range.highest) return value
  throw new Error(`${name} takes a whole number from ${range.lowest} to ${range.highest}.\n${FAILOVER_USAGE}`)
}
