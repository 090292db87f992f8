/**
 * Time in the model: memberships and grants may end at an instant of the database's clock, which ticks from 1. What each
 * process knows of that clock is an interval, as the reads of the log leave it.
 */
import { GROUPS, RESOURCES, USERS } from './dimensions.ts'
import type { Organisation } from './organisation.ts'
import type { Off } from './protections.ts'

/** Four bits for each end, above the bits that they belong to; 0: it does not end. */
const END_BITS = 4
export const LAST_TICK = (1 << END_BITS) - 1
export const NEVER = Number.POSITIVE_INFINITY

/** A resource's grants with their ends. */
export const GRANT_BITS = GROUPS + END_BITS * GROUPS

const grantShift = (group: number) => GROUPS + END_BITS * group
const memberShift = (bit: number) => USERS * GROUPS + END_BITS * bit

/** All groups. */
const GROUP_BITS = (1 << GROUPS) - 1

function endIn(packed: number, shift: number): number {
  return (packed >>> shift) & LAST_TICK || NEVER
}

function withBit(packed: number, at: { bit: number; shift: number }, on: boolean, end: number): number {
  const cleared = packed & ~(LAST_TICK << at.shift) & ~(1 << at.bit)
  return on ? cleared | (1 << at.bit) | (end << at.shift) : cleared
}

/** Put with an end (0: none), or where `end` is undefined taken where it exists and put where it does not, at that time. */
function put(packed: number, at: { bit: number; shift: number }, end: number | undefined, now: number): number {
  const exists = ((packed >>> at.bit) & 1) === 1 && endIn(packed, at.shift) > now
  return withBit(packed, at, end !== undefined || !exists, end ?? 0)
}

export const putGrant = (packed: number, group: number, end: number | undefined, now: number) =>
  put(packed, { bit: group, shift: grantShift(group) }, end, now)

export const putMember = (packed: number, bit: number, end: number | undefined, now: number) =>
  put(packed, { bit, shift: memberShift(bit) }, end, now)

/** The groups to which the resource is granted at that time. */
export function grantedAt(packed: number, now: number): number {
  let groups = packed & GROUP_BITS
  for (let group = 0; group < GROUPS; group++) if (endIn(packed, grantShift(group)) <= now) groups &= ~(1 << group)
  return groups
}

/** What exists at that time, without ends. */
export function livingAt({ member, parent, grants }: Organisation, now: number): Organisation {
  let living = member & ((1 << (USERS * GROUPS)) - 1)
  for (let bit = 0; bit < USERS * GROUPS; bit++) if (endIn(member, memberShift(bit)) <= now) living &= ~(1 << bit)
  return { member: living, parent, grants: grants.map((packed) => grantedAt(packed, now)) }
}

/** What the job leaves: rows that had ended are gone. */
export function withoutEnded({ member, parent, grants }: Organisation, now: number): Organisation {
  const swept = (packed: number, count: number, shift: (bit: number) => number) => {
    let left = packed
    for (let bit = 0; bit < count; bit++)
      if (endIn(packed, shift(bit)) <= now) left = withBit(left, { bit, shift: shift(bit) }, false, 0)
    return left
  }
  return {
    member: swept(member, USERS * GROUPS, memberShift),
    parent,
    grants: grants.map((packed) => swept(packed, GROUPS, grantShift)),
  }
}

/** When the first of the user's memberships that exist now ends. */
export function groupsEnd({ member }: Organisation, user: number, now: number): number {
  let first = NEVER
  for (let bit = user * GROUPS; bit < (user + 1) * GROUPS; bit++) {
    const end = endIn(member, memberShift(bit))
    if ((member >>> bit) & 1 && end > now) first = Math.min(first, end)
  }
  return first
}

/** When the last of the grants by which the groups hold the resource ends. */
function heldUntil(packed: number, groups: number, now: number): number {
  let last = now
  for (let group = 0; group < GROUPS; group++) {
    const end = endIn(packed, grantShift(group))
    if (((packed & groups) >> group) & 1 && end > now) last = Math.max(last, end)
  }
  return last
}

/** When the first of the resources stops being held. */
export function listEnd(found: number, grants: readonly number[], groups: number, now: number): number {
  let first = NEVER
  for (let resource = 0; resource < RESOURCES; resource++)
    if ((found >> resource) & 1) first = Math.min(first, heldUntil(grants[resource]!, groups, now))
  return first
}

/** An instant, as far as it is known. */
export interface Present {
  readonly earliest: number
  readonly latest: number
}

export const exactly = (at: number): Present => ({ earliest: at, latest: at })

/** Whether a grant to one of the groups may have ended, or not, within the present. */
export function isUnsettled(grants: readonly number[], groups: number, { earliest, latest }: Present): boolean {
  return grants.some((packed) => (grantedAt(packed, earliest) & ~grantedAt(packed, latest) & groups) !== 0)
}

/** What one process knows of the database's clock; its own runs as fast, and shows another time. */
export function createKnownClock(shown: () => number, { wallAhead, off }: { wallAhead: number; off: Off }) {
  // The first read of the log took a tick there, and one back.
  let offset = { least: -1, most: 1 }
  return {
    /** By this process's clock it was asked and answered, and showed something in between. */
    read({ asked, answered, at }: { asked: number; answered: number; at: number }): void {
      const least = Math.max(offset.least, at - answered)
      const most = Math.min(offset.most, at - asked)
      offset = { least, most }
    },
    present(): Present {
      if (off['own wall clock used']) return exactly(shown() + wallAhead)
      if (off['uncertainty ignored']) return exactly(shown() + offset.least)
      return { earliest: shown() + offset.least, latest: shown() + offset.most }
    },
  }
}

export type KnownClock = ReturnType<typeof createKnownClock>
