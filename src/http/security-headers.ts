/** helmet's headers, worked out once: they are the same for every answer, so no request pays for making them. */
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import helmet from 'helmet'

/** @returns names and values alternating */
export function securityHeaders(): string[] {
  const recorder = new ServerResponse(new IncomingMessage(new Socket()))
  const protect = helmet({
    contentSecurityPolicy: {
      // Browsers would fetch the reference page's own files over HTTPS, which fails on plain HTTP off loopback.
      directives: { upgradeInsecureRequests: null },
    },
  })
  protect(new IncomingMessage(new Socket()), recorder, (error?: unknown) => {
    if (error) throw error
  })
  return recorder.getHeaderNames().flatMap((name) => [name, String(recorder.getHeader(name))])
}
