/** For the local stack: a file holds a code and the access token that it stands for; the first redemption removes it. */
import { createHash, timingSafeEqual } from 'node:crypto'
import { readFileSync, unlinkSync } from 'node:fs'

export interface SignInGrant {
  readonly code: string
  readonly token: string
}

/** @returns a function that takes a code and gives the token once, then null */
export function redeemFrom(file: string): (code: string) => string | null {
  return (code) => {
    const grant = readGrant(file)
    if (grant === null || !timingSafeEqual(digest(code), digest(grant.code))) return null
    try {
      // Of two at once, one removes it.
      unlinkSync(file)
      return grant.token
    } catch {
      return null
    }
  }
}

function readGrant(file: string): SignInGrant | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as SignInGrant
  } catch {
    return null
  }
}

const digest = (text: string) => createHash('sha256').update(text).digest()
