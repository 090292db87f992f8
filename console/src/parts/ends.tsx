/** Shows when something ends, with a countdown by the browser's clock; entries that end while shown are greyed out. */
import { ageOf, Time, useNow } from './states.tsx'

interface Ending {
  readonly expiresAt: string | null
}

/** @returns the class of what shows it */
export const endedClass = ({ expiresAt }: Ending, now: number): string =>
  expiresAt !== null && Date.parse(expiresAt) <= now ? ' ended' : ''

/** Nothing if it has no end. */
export function End({ expiresAt }: Ending) {
  return expiresAt === null ? null : <Countdown expiresAt={expiresAt} />
}

function Countdown({ expiresAt }: { expiresAt: string }) {
  const leftMs = Date.parse(expiresAt) - useNow()
  return (
    <span class="tag end" title={expiresAt}>
      {leftMs <= 0 ? 'ended' : <>{ageOf(leftMs)} left</>}
      <span class="end-time">
        {leftMs <= 0 ? ' at ' : ', until '}
        <Time at={expiresAt} />
      </span>
    </span>
  )
}
