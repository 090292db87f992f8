#!/usr/bin/env node
/** `npx portcullis <command>`: the CLI, from nothing but a clone, like every npm script. */
process.argv.splice(2, 0, 'src/cli/portcullis.ts')
await import('./bootstrap.mjs')
