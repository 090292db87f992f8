import type { ImportResult } from '../../suites/import.ts'
import type { Section } from '../section.ts'
import { atMost } from '../verdict.ts'

export function importSection({
  memberships,
  bodyBytes,
  seconds,
  residentBytes,
  readers,
  longestPauseMs,
}: ImportResult): Section {
  const { before, meanwhile, failed } = readers
  const megabytes = (bytes: number) => Math.round(bytes / 1024 / 1024)
  return {
    verdicts: [
      atMost(`readers' p99 beside an import ÷ before it`, 3, meanwhile.p99 / before.p99, 'import'),
      atMost('readers that failed beside an import', 0, failed, 'import'),
    ],
    text: [
      '### A large import',
      `${memberships.toLocaleString('en')} memberships (${megabytes(bodyBytes)} MB) in one transaction took ${seconds.toFixed(1)} s. The instance had ${megabytes(residentBytes.before)} MB in memory before and ${megabytes(residentBytes.most)} MB at most. Readers at a fixed pace saw p50 ${before.p50.toFixed(1)} ms, p99 ${before.p99.toFixed(1)} ms before, and p50 ${meanwhile.p50.toFixed(1)} ms, p99 ${meanwhile.p99.toFixed(1)} ms, ${meanwhile.max.toFixed(0)} ms at most meanwhile.${longestPauseMs ? ` The instance answered nobody for ${longestPauseMs.meanwhile.toFixed(0)} ms at most (${longestPauseMs.before.toFixed(0)} ms before).` : ''}`,
    ],
    plots: [],
  }
}
