/** `npm run drill -- package`: the drill of the faults, whose subject is the shop of the package's examples. */
process.argv.push('--subject', 'package')
await import('./run.ts')
