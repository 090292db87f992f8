import { describe, expect, it } from 'vitest'
import {
  readMonitoredMaster,
  renderRedisConfiguration,
  renderSentinelConfiguration,
  sentinelId,
} from './redis-configuration.ts'

const sentinel = {
  port: 15_404,
  id: sentinelId('/data', 1),
  masterName: 'mymaster',
  masterPort: 15_402,
  replicaPorts: [15_401, 15_403],
  peers: [
    { port: 15_405, id: sentinelId('/data', 2) },
    { port: 15_406, id: sentinelId('/data', 3) },
  ],
}

describe('the configuration of a Redis server', () => {
  it('snapshots every three hours and keeps no append-only file', () => {
    const lines = renderRedisConfiguration({ port: 15_401, replicaOf: null }).split('\n')
    expect(lines).toContain('save 10800 1')
    expect(lines).toContain('appendonly no')
  })

  it('listens on loopback only', () => {
    expect(renderRedisConfiguration({ port: 15_401, replicaOf: null })).toContain('bind 127.0.0.1\n')
  })

  it('follows a master only when told to', () => {
    expect(renderRedisConfiguration({ port: 15_401, replicaOf: null })).not.toContain('replicaof')
    expect(renderRedisConfiguration({ port: 15_401, replicaOf: 15_402 })).toContain('replicaof 127.0.0.1 15402\n')
  })
})

describe('the configuration of a Sentinel', () => {
  it('monitors the master with quorum 2 and knows its peers and the replicas from the start', () => {
    const lines = renderSentinelConfiguration(sentinel).split('\n')
    expect(lines).toContain('sentinel monitor mymaster 127.0.0.1 15402 2')
    expect(lines.filter((line) => line.startsWith('sentinel known-replica'))).toHaveLength(2)
    expect(lines.filter((line) => line.startsWith('sentinel known-sentinel'))).toHaveLength(2)
  })

  it('gives each Sentinel one identity for good', () => {
    expect(sentinelId('/data', 1)).toMatch(/^[0-9a-f]{40}$/)
    expect(sentinelId('/data', 1)).toBe(sentinelId('/data', 1))
    expect(sentinelId('/data', 1)).not.toBe(sentinelId('/data', 2))
    expect(sentinelId('/data', 1)).not.toBe(sentinelId('/elsewhere', 1))
  })

  it('names the master again when read back', () => {
    expect(readMonitoredMaster(renderSentinelConfiguration(sentinel), 'mymaster')).toEqual({ port: 15_402, epoch: 0 })
  })

  it('names the promoted master and the epoch after a Sentinel rewrote it', () => {
    const rewritten =
      'port 15404\nsentinel myid abc\nsentinel monitor mymaster 127.0.0.1 15403 2\nsentinel config-epoch mymaster 7\n'
    expect(readMonitoredMaster(rewritten, 'mymaster')).toEqual({ port: 15_403, epoch: 7 })
  })

  it('names no master of another name', () => {
    expect(readMonitoredMaster(renderSentinelConfiguration(sentinel), 'other')).toBeNull()
    expect(readMonitoredMaster('', 'mymaster')).toBeNull()
  })
})
