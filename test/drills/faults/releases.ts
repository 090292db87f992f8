/** Two releases side by side, as during every rolling deployment. */
import { type Fault, hold } from './fault.ts'

const twoReleases: Fault = {
  name: 'two-releases',
  title: 'no fault, but one instance of a release whose entries have another form',
  clientsMayNotice: 'nothing',
  redisStaysHealthy: true,
  ownParts: { 2: ['other-release'] },
  run: ({ holdMs }) => hold(holdMs),
}

export const releaseFaults = [twoReleases]
