import type { TriggersResult } from '../../suites/triggers.ts'
import type { Section } from '../section.ts'
import { atMost } from '../verdict.ts'

export function triggersSection({ withMs, withoutMs, ratio }: TriggersResult): Section {
  return {
    verdicts: [atMost('a mutation ÷ one without the triggers for other writers', 1.05, ratio, 'triggers')],
    text: [
      '### The triggers for other writers',
      `A mutation without HTTP and Redis took ${withMs.toFixed(2)} ms with the triggers and ${withoutMs.toFixed(2)} ms without; the ratio of slices side by side is ${ratio.toFixed(3)}.`,
    ],
    plots: [],
  }
}
