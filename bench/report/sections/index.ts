/** What each suite of a section of its own contributes, in the order of the page. */
import type { Results } from '../../suites/index.ts'
import type { Section } from '../section.ts'
import { awaySection } from './away.ts'
import { consolesSection } from './consoles.ts'
import { evaluationSection } from './evaluation.ts'
import { expirySection } from './expiry.ts'
import { firstReadsSection } from './first-reads.ts'
import { freshReadsSection } from './fresh-reads.ts'
import { importSection } from './import.ts'
import { mixtureSection } from './mixture.ts'
import { outsideSection } from './outside.ts'
import { packageSection } from './package.ts'
import { poolerSection } from './pooler.ts'
import { tracingSection } from './tracing.ts'
import { triggersSection } from './triggers.ts'
import { updatesSection } from './updates.ts'
import { wideSection } from './wide.ts'

export function sections(results: Results): Section[] {
  const { firstReads, freshReads, updates, mixture, wide, away, expiry, evaluation, imported, pooled } = results
  const { tracing, triggers } = results
  return [
    ...(updates ? [updatesSection(updates)] : []),
    ...(freshReads ? [freshReadsSection(freshReads)] : []),
    ...(firstReads ? [firstReadsSection(firstReads)] : []),
    ...(wide ? [wideSection(wide)] : []),
    ...(away ? [awaySection(away)] : []),
    ...(imported ? [importSection(imported)] : []),
    ...(pooled ? [poolerSection(pooled)] : []),
    ...(expiry ? [expirySection(expiry)] : []),
    ...(triggers ? [triggersSection(triggers)] : []),
    ...(results.outside ? [outsideSection(results.outside)] : []),
    ...(evaluation ? [evaluationSection(evaluation)] : []),
    ...(results.consoles ? [consolesSection(results.consoles)] : []),
    ...(results.package ? [packageSection(results.package)] : []),
    ...(tracing ? [tracingSection(tracing)] : []),
    ...(mixture ? [mixtureSection(mixture)] : []),
  ]
}
