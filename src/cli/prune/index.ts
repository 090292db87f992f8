/** What an import's files no longer name: found before anything is sent, and taken away after it where that is wanted. */
export { renameFormerNames } from './former-names.ts'
export { remove } from './remove.ts'
export { amounts, assertWithin, describeSurplus, findSurplus, type Surplus } from './surplus.ts'
