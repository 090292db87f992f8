/** `GET /admin/cache` for a person on call: what works, what does not and since when, then the counts. */
import type { JsonObject, JsonValue } from '../../domain/model.ts'
import { printable, table } from '../table.ts'

const OUTAGES_SHOWN = 3

/** Parts that another release does not send are left out. */
export function describeCache(status: JsonObject, width?: number): string {
  const { log, redis, outages, catalogue, layers } = status
  const sections = [
    [...redisLines(part(redis)), ...topologyLines(part(part(redis).topology))],
    [logLine(part(log)), ...outageLines(part(outages))],
    [`catalogue  ${text(part(catalogue).resources)} resources`],
    [layersTable(part(layers), width)],
  ]
  return sections
    .map((lines) => lines.filter((line) => line !== '').map((line) => line.split('\n').map(printable).join('\n')))
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')
}

/** `GET /admin/cache/users/{id}`: the user's entries, one below the other. */
export function describeEntries({ user, store, detail, entries }: JsonObject): string {
  if (store !== 'available') return printable(`the entries of ${text(user)} cannot be read: ${text(detail)}`)
  return list(entries)
    .map((entry) => {
      const { key, present, ttlSeconds, bytes, loadedAt, wouldBeServed, why, stamp, dependsOn } = part(entry)
      if (present !== true) return [`${text(key)}  absent`]
      return [
        `${text(key)}  ${wouldBeServed === true ? 'would be served' : `would not be served: ${text(why)}`}`,
        `  ${text(bytes)} bytes, loaded ${text(loadedAt)}, ${text(ttlSeconds)} s left`,
        `  stamp ${text(part(stamp).snapshot)}`,
        `  depends on ${list(dependsOn).map(text).join(' ')}`,
      ]
    })
    .map((lines) => lines.map(printable).join('\n'))
    .join('\n')
}

function redisLines({ breaker, awayMs, connected, server, replicaReads, errors }: JsonObject): string[] {
  if (breaker === undefined) return []
  const { version, role, usedMemoryBytes, maxMemoryBytes } = part(server)
  const state =
    breaker === 'closed'
      ? connected === true
        ? 'answers'
        : 'not connected'
      : `away for ${seconds(awayMs)} (breaker ${text(breaker)})`
  const memory = `${megabytes(usedMemoryBytes)}${maxMemoryBytes === 0 ? '' : ` of ${megabytes(maxMemoryBytes)}`}`
  return [
    `Redis      ${state}${version === undefined ? '' : `; ${text(version)}, ${text(role)}, ${memory}`}; replica reads ${text(replicaReads)}`,
    ...list(errors).map((each) => {
      const { connection, address, message, since } = part(each)
      return `  ${text(connection)}${address ? ` ${text(address)}` : ''}: ${text(message)}  (since ${text(since)})`
    }),
  ]
}

function topologyLines({ masterName, master, replicas, sentinels, quorum, agreed }: JsonObject): string[] {
  if (sentinels === undefined) return []
  const { held, reachable, known } = part(quorum)
  return [
    `Sentinels  ${text(reachable)} of ${text(known)} answer, ${held === true ? 'a failover is possible' : 'NO failover is possible'}${agreed === true ? '' : ', they do NOT agree'}`,
    ...list(sentinels).map((each) => {
      const { address, reachable: answers, why } = part(each)
      return answers === true ? '' : `  ${text(address)}: ${text(why)}`
    }),
    `  master ${text(masterName)}  ${server(part(master))}`,
    ...list(replicas).map((each) => {
      const { linkUp, lagBytes } = part(each)
      return `  replica  ${server(part(each))}, ${linkUp === true ? `${text(lagBytes)} bytes behind` : 'link DOWN'}`
    }),
  ]
}

function server({ address, flags }: JsonObject): string {
  const down = list(flags).filter((flag) => flag !== 'master' && flag !== 'slave')
  return [text(address), ...down.map(text)].join(' ')
}

const logLine = ({ trust, lagMs, rememberedTags }: JsonObject): string =>
  trust === undefined
    ? ''
    : `log        ${text(trust)}, ${text(lagMs)} ms behind, ${text(rememberedTags)} invalidations remembered`

function outageLines({ currentMs, history }: JsonObject): string[] {
  if (currentMs === undefined) return []
  if (!Array.isArray(history)) return [`outages    the history is ${text(history)}`]
  const current = Number(currentMs) > 0 ? `now, for ${seconds(currentMs)}` : 'none now'
  return [
    `outages    ${current}; ${history.length === 0 ? 'none before' : `the last ${Math.min(OUTAGES_SHOWN, history.length)}:`}`,
    ...history.slice(0, OUTAGES_SHOWN).map((each) => {
      const { startedAt, seconds: length, flushed } = part(each)
      const what = list(flushed)
      return `  ${text(startedAt)}  ${text(length)} s, ${what.length === 0 ? 'nothing was flushed' : `flushed ${what.map(text).join(', ')}`}`
    }),
  ]
}

function layersTable(layers: JsonObject, width: number | undefined): string {
  const rows = Object.entries(layers).map(([layer, counts]) => ({ layer, ...part(counts) }) as JsonObject)
  if (rows.length === 0) return ''
  const count = (title: string, field: string) =>
    ({ title, value: (row: JsonObject) => text(row[field]), align: 'right' }) as const
  return table(
    [
      { title: 'LAYER', value: (row) => text(row.layer) },
      count('HITS', 'hits'),
      { title: 'HIT RATE', value: hitRate, align: 'right' },
      count('MISSES', 'misses'),
      count('LOADS', 'loads'),
      { title: 'NOT SERVED', value: (row) => total(part(row.rejections)), align: 'right' },
    ],
    rows,
    width,
  )
}

function hitRate({ hits, misses }: JsonObject): string {
  const all = Number(hits) + Number(misses)
  return all > 0 ? `${((100 * Number(hits)) / all).toFixed(1)} %` : '-'
}

const total = (counts: JsonObject): number => Object.values(counts).reduce((sum: number, each) => sum + Number(each), 0)
const part = (value: JsonValue | undefined): JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {}
const list = (value: JsonValue | undefined): readonly JsonValue[] => (Array.isArray(value) ? value : [])
const text = (value: JsonValue | undefined): string =>
  value === undefined || value === null ? '-' : typeof value === 'object' ? JSON.stringify(value) : String(value)
const seconds = (ms: JsonValue | undefined): string => `${(Number(ms) / 1000).toFixed(1)} s`
const megabytes = (bytes: JsonValue | undefined): string => `${(Number(bytes) / 2 ** 20).toFixed(1)} MiB`
