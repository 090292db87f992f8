/** What `import ts from 'typescript'` gives the generator of types: the programming interface that TypeScript 7 no longer has. */
import { ts } from '@ts-morph/common'

export default ts
