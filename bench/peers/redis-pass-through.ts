/** The ceiling of a shared cache: node:http, one GET, the bytes as they come. No framework, no token, no log, no check. */
import http from 'node:http'
import { Redis } from 'ioredis'
import { KEEP_ALIVE_MS, settings } from './settings.ts'

const redis = new Redis({ host: '127.0.0.1', port: settings.redisPort })

http
  .createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, async (req, res) => {
    const body = await redis.getBuffer(`pass-through:${req.headers['x-reader']}`)
    if (body === null) res.writeHead(404).end()
    else
      res
        .writeHead(200, ['Content-Type', 'application/json; charset=utf-8', 'Content-Length', String(body.length)])
        .end(body)
  })
  .listen(settings.port, '127.0.0.1')
