/** Every part is a file of its own: nothing inline, so that the page runs under a strict content security policy. */
import { defineConfig } from 'vite'

export default defineConfig({
  base: '/console/',
  build: { outDir: 'dist', emptyOutDir: true, assetsInlineLimit: 0, modulePreload: false, target: 'es2023' },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
})
