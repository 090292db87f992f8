/** The arguments of `npm run failover`. */
import { Option } from 'commander'
import type { FaultKind } from '../local/master-fault.ts'
import { createScript, wholeNumber } from './script.ts'

export interface FailoverOptions {
  readonly kind: FaultKind
  readonly seconds: number
  readonly perSecond: number
  readonly user: string
}

/** Ends the process if an argument is invalid. */
export function parseFailoverOptions(args: readonly string[]): FailoverOptions {
  const others = (kind: FaultKind) => (['kill', 'hang', 'graceful'] as const).filter((each) => each !== kind)
  const { hang, graceful, seconds, rate, user } = createScript(
    'npm run failover --',
    'Takes the Redis master away from the running local stack and shows, second by second, what clients see.',
  )
    .addOption(new Option('--kill', 'kill -9 (default)').conflicts([...others('kill')]))
    .addOption(new Option('--hang', 'SIGSTOP, and SIGCONT eight seconds later').conflicts([...others('hang')]))
    .addOption(new Option('--graceful', 'SENTINEL FAILOVER').conflicts([...others('graceful')]))
    .addOption(wholeNumber('--seconds <n>', 'how long to watch', { lowest: 10, highest: 3_600 }).default(20))
    .addOption(wholeNumber('--rate <n>', 'reads per second', { lowest: 1, highest: 2_000 }).default(50))
    .option('--user <id>', 'who reads', 'alice')
    .parse(args, { from: 'user' })
    .opts<{ hang?: true; graceful?: true; seconds: number; rate: number; user: string }>()
  return { kind: hang ? 'hang' : graceful ? 'graceful' : 'kill', seconds, perSecond: rate, user }
}
