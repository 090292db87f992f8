/** The one handler of the comparison of libraries: a value by its reader, as JSON. */
import express from 'express'
import { KEEP_ALIVE_MS, settings } from './settings.ts'

export function serveReads(pageOf: (user: string) => Promise<unknown>): void {
  const app = express().disable('x-powered-by')
  app.get('/page', async (req, res) => {
    res.json(await pageOf(String(req.headers['x-reader'])))
  })
  app.listen(settings.port, '127.0.0.1').keepAliveTimeout = KEEP_ALIVE_MS
}
