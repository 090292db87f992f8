/** No cache: each request asks PostgreSQL, through Prisma. */
import { serveStraightforward } from './straightforward-app.ts'
import { visiblePage } from './visible-page.ts'

serveStraightforward(visiblePage)
