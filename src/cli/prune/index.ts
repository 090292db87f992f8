/** What an import's files no longer name: found before anything is sent, and removed afterwards if asked. */
export { renameFormerNames } from './former-names.ts'
export { remove } from './remove.ts'
export { amounts, assertWithin, describeSurplus, findSurplus, type Surplus } from './surplus.ts'
