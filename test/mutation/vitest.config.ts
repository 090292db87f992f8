/** The tests a mutant is tried against: those beside the source, fast and without servers. */
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    name: 'mutation',
    include: ['src/cache/**/*.test.ts', 'src/domain/**/*.test.ts'],
    environment: 'node',
    passWithNoTests: false,
  },
})
