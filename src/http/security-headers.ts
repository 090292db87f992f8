/** helmet's headers, worked out once: they are the same for every answer of a kind, so no request pays for making them. */
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import helmet from 'helmet'

type HelmetOptions = NonNullable<Parameters<typeof helmet>[0]>

/** Names and values alternating. */
export interface SecurityHeaders {
  /** For pages and what they load: helmet's defaults. */
  readonly page: readonly string[]
  /** For the console: all its files are of this origin, and the page contains no inline style or script. */
  readonly console: readonly string[]
  /** For data, which is neither run nor framed: without the headers that only documents need. */
  readonly data: readonly string[]
}

const PAGE: HelmetOptions = {
  contentSecurityPolicy: {
    // Browsers would fetch the reference page's own files over HTTPS, which fails on plain HTTP off loopback.
    directives: { upgradeInsecureRequests: null },
  },
}
/** `connect-src` for its requests, `require-trusted-types-for` because it never writes HTML. */
const consoleOptions = (issuer: readonly string[]): HelmetOptions => ({
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'none'"],
      scriptSrc: ["'self'"],
      styleSrc: ["'self'"],
      imgSrc: ["'self'"],
      connectSrc: ["'self'", ...issuer],
      baseUri: ["'none'"],
      formAction: ["'none'"],
      frameAncestors: ["'none'"],
      requireTrustedTypesFor: ["'script'"],
    },
  },
})
/** As OWASP's REST security cheat sheet has it: each header is checked and written with every answer. */
const DATA: HelmetOptions = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
  },
  crossOriginOpenerPolicy: false,
  originAgentCluster: false,
  xDnsPrefetchControl: false,
  xDownloadOptions: false,
  xPermittedCrossDomainPolicies: false,
  xXssProtection: false,
}

/** @param issuer the origin at which the console signs people in, where one is configured */
export function securityHeaders(...issuer: readonly string[]): SecurityHeaders {
  return { page: recorded(PAGE), console: recorded(consoleOptions(issuer)), data: recorded(DATA) }
}

function recorded(options: HelmetOptions): string[] {
  const recorder = new ServerResponse(new IncomingMessage(new Socket()))
  helmet(options)(new IncomingMessage(new Socket()), recorder, (error?: unknown) => {
    if (error) throw error
  })
  return recorder.getHeaderNames().flatMap((name) => [name, String(recorder.getHeader(name))])
}
