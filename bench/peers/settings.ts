/** The settings of every peer, from its environment. */
const { PORT, DATABASE_URL, REDIS_PORT, PACKAGE_SCHEMA, JWT_PUBLIC_KEY_FILE, JWT_ISSUER, JWT_AUDIENCE } = process.env

export const settings = {
  port: Number(PORT),
  databaseUrl: DATABASE_URL ?? '',
  redisPort: Number(REDIS_PORT),
  packageSchema: PACKAGE_SCHEMA ?? '',
  publicKeyFile: JWT_PUBLIC_KEY_FILE ?? '',
  issuer: JWT_ISSUER ?? '',
  audience: JWT_AUDIENCE ?? '',
} as const

/** Connections are idle during the other servers' slices; the default would close them. */
export const KEEP_ALIVE_MS = 300_000
