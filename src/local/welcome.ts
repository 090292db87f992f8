/** The text that `npm start` prints once everything runs: addresses, and commands to paste. */

export interface WelcomeFacts {
  readonly apiUrl: string
  /** Works for one sign-in. */
  readonly consoleUrl: string
  readonly databaseUrl: string
  /** Null when Redis is external. */
  readonly redis: {
    readonly masterName: string
    readonly servers: readonly number[]
    readonly sentinels: readonly number[]
  } | null
  readonly dataDir: string
  readonly postgresHome: string | null
  readonly logFile: string
  readonly tokens: { readonly alice: string; readonly cacheAdmin: string }
}

export function welcome(facts: WelcomeFacts): string {
  const { apiUrl, tokens } = facts
  const as = (token: string) => `-H 'Authorization: Bearer ${token}'`
  const flush = (token: string) =>
    `curl -i -X POST ${apiUrl}/admin/cache/flush ${as(token)} -H 'Content-Type: application/json' -d '{"scope":"volatile","reason":"trying it out"}'`
  return [
    '',
    `Portcullis runs on ${apiUrl}   (interactive documentation: ${apiUrl}/docs)`,
    `Console (the link signs in once): ${facts.consoleUrl}`,
    '',
    `  PostgreSQL   ${facts.databaseUrl}`,
    ...redisLines(facts.redis),
    `  data         ${facts.dataDir}${facts.postgresHome ? `  (PostgreSQL's in ${facts.postgresHome}: the account that runs it cannot enter this folder)` : ''}`,
    `  API log      ${facts.logFile}`,
    '',
    'To paste (tokens are valid for 12 hours; get more with `npm run --silent token -- <user> [--admin] [--cache-admin] [--reader] [--scim]`):',
    '',
    '# what may alice see?  The first request stores the answer (fwd=miss; stored), the second one is a hit',
    `curl -i ${apiUrl}/resources ${as(tokens.alice)}`,
    '',
    '# a token without a valid signature: 401',
    `curl -i ${apiUrl}/resources ${as('not-a-token')}`,
    '',
    '# alice is not a cache administrator: 403',
    flush(tokens.alice),
    '',
    '# carol is one: 200',
    flush(tokens.cacheAdmin),
    '',
    'In a second terminal: `npm run failover` kills the Redis master and shows what clients see.',
    'Ctrl-C stops everything; the data stays. `npm start -- --reset-sample` starts over with the sample.',
    '',
  ].join('\n')
}

function redisLines(redis: WelcomeFacts['redis']): string[] {
  if (redis === null) return ['  Redis        as given by REDIS_SENTINELS or REDIS_URL']
  const list = (ports: readonly number[]) => ports.map((port) => `127.0.0.1:${port}`).join(' ')
  return [
    `  Redis        ${list(redis.servers)}`,
    `  Sentinels    ${list(redis.sentinels)}   (master name ${redis.masterName}, quorum 2)`,
  ]
}
