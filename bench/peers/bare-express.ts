/**
 * Express 5 answering constant bytes: the price of the framework itself, with what makes it cheapest on Node 24.
 * With ACCESS_LOG=1 it also writes the service's own line per request, through the same pino-http.
 */
import http, { IncomingMessage, ServerResponse } from 'node:http'
import express, { type Express } from 'express'
import { createAccessLog } from '../../src/http/access-log.ts'
import { createLogger } from '../../src/telemetry/index.ts'
import { KEEP_ALIVE_MS, settings } from './settings.ts'

const body = Buffer.from(process.env.BODY_BASE64 ?? '', 'base64')
const ETAG = '"constant"'
const NOT_MODIFIED = ['ETag', ETAG]
const OK = ['Content-Type', 'application/json; charset=utf-8', 'Content-Length', String(body.length), ...NOT_MODIFIED]
const decision = Buffer.from('{"decision":true}')
const DECISION = ['Content-Type', 'application/json; charset=utf-8', 'Content-Length', String(decision.length)]

const app = express()
app.disable('x-powered-by')
app.disable('etag')
if (process.env.ACCESS_LOG === '1') app.use(createAccessLog(createLogger({ level: 'info' })))
app.get('/resources', (req, res) => {
  if (req.headers['if-none-match'] === ETAG) res.writeHead(304, NOT_MODIFIED).end()
  else res.writeHead(200, OK).end(body)
})
app.post('/access/v1/evaluation', express.json(), (_req, res) => res.writeHead(200, DECISION).end(decision))
http.createServer({ ...classesOf(app), keepAliveTimeout: KEEP_ALIVE_MS }, app).listen(settings.port, '127.0.0.1')

/** Requests and responses made with the prototypes that Express would give them, so that V8 keeps its optimised shapes. */
function classesOf(owner: Express) {
  class AppRequest extends IncomingMessage {}
  class AppResponse<Request extends IncomingMessage = IncomingMessage> extends ServerResponse<Request> {}
  Object.setPrototypeOf(AppRequest.prototype, owner.request)
  Object.setPrototypeOf(AppResponse.prototype, owner.response)
  owner.request = AppRequest.prototype as Express['request']
  owner.response = AppResponse.prototype as Express['response']
  return { IncomingMessage: AppRequest, ServerResponse: AppResponse }
}
