/** What was to be reached, and what was: each goal a ratio within one run on one machine, or a bound. */
import type { Standing } from '../harness/slices.ts'
import type { Results } from '../suites/index.ts'
import { STAMP_CHECK } from '../suites/micro.ts'
import { BARE_304, OURS_304 } from '../suites/not-modified.ts'
import { sections } from './sections/index.ts'
import { atLeast, atMost, bound, type Verdict } from './verdict.ts'

const BARE = 'bare Express, constant'
const BARE_LOGGING = 'bare Express with the same pino-http'
const PASS = 'node:http + Redis pass-through'
const HIT = 'Portcullis, hit'

export function verdicts(results: Results): Verdict[] {
  const { endpoints, notModified, latency, scale, mutations, micro, wideGrant } = results
  return [
    ...(endpoints ? endpointVerdicts(endpoints) : []),
    ...(notModified ? [both('304 ÷ bare Express 304', 0.6, [notModified, OURS_304, BARE_304], 'not-modified')] : []),
    ...sections(results).flatMap(({ verdicts }) => verdicts),
    ...(latency ? latencyVerdicts(latency) : []),
    ...(scale ? scaleVerdicts(scale) : []),
    ...(endpoints && micro ? [stampVerdict(endpoints, micro)] : []),
    ...(mutations ?? []).flatMap(mutationVerdicts),
    ...(wideGrant ? [wideGrantVerdict(wideGrant)] : []),
  ]
}

function endpointVerdicts({ hit, peers }: NonNullable<Results['endpoints']>): Verdict[] {
  const fifty = hit['50'] ?? []
  const peer = (name: string) => perPeer(peers, name)
  return [
    both('hit ÷ bare Express constant with the same pino-http', 0.6, [fifty, HIT, BARE_LOGGING], 'hit'),
    both('hit ÷ bare Express constant without a log', 0.43, [fifty, HIT, BARE], 'hit'),
    both('hit ÷ node:http + Redis pass-through', 0.8, [fifty, HIT, PASS], 'hit'),
    atLeast('hit ÷ straightforward version', 7, peer('straightforward'), 'hit'),
    atLeast('hit ÷ bentocache', 7, peer('bentocache'), 'hit'),
    atLeast('hit ÷ SQL through Prisma', 15, peer('SQL'), 'hit'),
  ]
}

/** Of a hit after which the log has moved on; while it has not, the last judgement holds and costs nothing. */
function stampVerdict({ hit }: NonNullable<Results['endpoints']>, micro: NonNullable<Results['micro']>): Verdict {
  const check = micro.find(({ name }) => name === STAMP_CHECK)?.nanoseconds ?? Number.NaN
  const whole = hit['50']?.find(({ name }) => name === HIT)?.serverUs?.median ?? Number.NaN
  const percent = check / 10 / whole
  const measured = `${percent.toFixed(2)} %`
  return { measure: `${STAMP_CHECK} ÷ a hit`, goal: '≤ 2 %', measured, reached: percent <= 2, suite: 'micro' }
}

function latencyVerdicts({ points }: NonNullable<Results['latency']>): Verdict[] {
  const half = [...new Set(points.map(({ rate }) => rate))].sort((a, b) => a - b)[2]
  const at = (name: string) => points.find((point) => point.rate === half && point.name === name)?.p99Ms ?? Number.NaN
  return [atMost("p99 at half the ceiling's rate ÷ bare Express's at the same rate", 2, at(HIT) / at(BARE), 'latency')]
}

function scaleVerdicts({ scale, longList }: NonNullable<Results['scale']>): Verdict[] {
  const [smallest, largest] = [scale[0], scale.at(-1)]
  if (!smallest || !largest) return []
  const resources = largest.resources.toLocaleString('en')
  const long = perProcessor(longList, 'first page of 10,000 items', 'first page of 50 items')
  return [
    ...(longList.length > 0 ? [atMost('first page of 10,000 items ÷ of 50 items', 1.1, 1 / long, 'scale')] : []),
    atMost(
      `miss at ${resources} resources ÷ at ${smallest.resources.toLocaleString('en')}, same permitted set`,
      1.2,
      largest.missMs.p50 / smallest.missMs.p50,
      'scale',
    ),
    bound(`instance memory at ${resources} resources`, 336, largest.residentMb ?? Number.NaN, 'MB', 'scale'),
    bound(`ready after start at ${resources} resources, catalogue in Redis`, 2000, largest.readyAgainMs, 'ms', 'scale'),
    bound(`ready after start at ${resources} resources, nothing in Redis`, 2400, largest.readyFirstMs, 'ms', 'scale'),
    bound(
      `p99 of 200 reads/s in the first 3 s after it is ready, ${resources} resources`,
      300,
      largest.firstSecondsP99Ms,
      'ms',
      'scale',
    ),
  ]
}

/** The same from the slices in which each of the two was disturbed least: an estimate for a machine that does nothing else. */
export function undisturbed(standings: readonly Standing[], name: string, other: string): number {
  const [one, two] = [name, other].map((wanted) => standings.find((standing) => standing.name === wanted))
  return one?.serverUs && two?.serverUs ? two.serverUs.low / one.serverUs.low : Number.NaN
}

/** How many requests the one serves with the processor time that the other needs for one; by throughput where the system does not tell. */
export function perProcessor(standings: readonly Standing[], name: string, other: string): number {
  const [one, two] = [name, other].map((wanted) => standings.find((standing) => standing.name === wanted))
  if (!one || !two) return Number.NaN
  if (one.serverUs && two.serverUs) {
    // Where one of them is the first, the ratio is known slice by slice, which is steadier than a ratio of medians.
    if (two === standings[0] && one.toFirst.processor) return one.toFirst.processor.median
    if (one.toFirst.processor && two.toFirst.processor)
      return one.toFirst.processor.median / two.toFirst.processor.median
  }
  return one.perSecond.median / two.perSecond.median
}

/** Several peers wait for the database or for worker threads, so here requests per second say what users get. */
function perPeer(peers: readonly Standing[], begins: string): number {
  const hit = peers.find(({ name }) => name === HIT)
  const peer = peers.find(({ name }) => name.startsWith(begins))
  return hit && peer ? hit.perSecond.median / peer.perSecond.median : Number.NaN
}

/** The median decides; what it would be undisturbed is said beside it. */
function both(measure: string, least: number, who: [readonly Standing[], string, string], suite: string): Verdict {
  const verdict = atLeast(measure, least, perProcessor(...who), suite)
  return { ...verdict, measured: `${verdict.measured}; least disturbed slices ${undisturbed(...who).toFixed(2)}` }
}

/** Through HTTP, beside a bare transaction of the same three writes. */
function mutationVerdicts({ name, atOnce, ratio }: NonNullable<Results['mutations']>[number]): Verdict[] {
  const measure = `${name} ÷ bare transaction`
  if (atOnce === 1) return [atMost(`${measure}, p50, one at a time`, 6, ratio.p50, 'mutation')]
  if (atOnce === 8) return [atLeast(`${measure}, per second, 8 at once`, 0.25, ratio.perSecond, 'mutation')]
  return []
}

function wideGrantVerdict({ members, longestPauseMs }: NonNullable<Results['wideGrant']>): Verdict {
  const measure = `longest pause while a group of ${members.toLocaleString('en')} is granted something, median`
  return bound(measure, 10, longestPauseMs.median, 'ms', 'wide-grant')
}
