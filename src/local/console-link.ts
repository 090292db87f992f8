/** The link that `npm start` prints: it signs in to the console once. */
import { randomBytes } from 'node:crypto'
import { renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { SignInGrant } from '../http/sign-in-code.ts'

/** Stored with the keys, readable only by this account. */
export const consoleGrantFile = ({ keysDir }: { readonly keysDir: string }) =>
  path.join(keysDir, 'console-sign-in.json')

/** @returns the code, which counts until it is used or replaced */
export function writeConsoleGrant(file: string, token: string): string {
  const grant: SignInGrant = { code: randomBytes(24).toString('base64url'), token }
  const draft = `${file}.${process.pid}`
  writeFileSync(draft, JSON.stringify(grant), { mode: 0o600 })
  renameSync(draft, file)
  return grant.code
}
