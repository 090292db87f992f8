/** What an import's files no longer name: found before anything is sent, and removed afterwards on request. */
export { renameFormerNames } from './former-names.ts'
export { remove } from './remove.ts'
export { amounts, assertWithin, describeSurplus, findSurplus, type Surplus } from './surplus.ts'
