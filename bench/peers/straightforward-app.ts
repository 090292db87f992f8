/** The service written without measuring: helmet, request log, verified token, validated query, `res.json`. */
import { readFileSync } from 'node:fs'
import express, { type NextFunction, type Request, type RequestHandler, type Response } from 'express'
import helmet from 'helmet'
import { createLocalJWKSet, jwtVerify } from 'jose'
import { pinoHttp } from 'pino-http'
import { z } from 'zod'
import { KEEP_ALIVE_MS, settings } from './settings.ts'

const query = z.object({ limit: z.coerce.number().int().min(1).max(200).default(50) })

export function serveStraightforward(pageOf: (user: string, limit: number) => Promise<unknown>): void {
  const keys = createLocalJWKSet(JSON.parse(readFileSync(settings.publicKeyFile, 'utf8')))
  const app = express()
  app.use(helmet())
  app.use(pinoHttp() as RequestHandler)
  app.use(async (req: Request, res: Response, next: NextFunction) => {
    const token = req.headers.authorization?.slice('Bearer '.length) ?? ''
    const { payload } = await jwtVerify(token, keys, { issuer: settings.issuer, audience: settings.audience })
    res.locals.user = payload.sub
    next()
  })
  app.get('/resources', async (req, res) => {
    res.json(await pageOf(res.locals.user, query.parse(req.query).limit))
  })
  app.listen(settings.port, '127.0.0.1').keepAliveTimeout = KEEP_ALIVE_MS
}
