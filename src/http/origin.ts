import type { Request } from 'express'

/** The scheme and host that a request was for. */
export const originOf = (req: Request) => `${req.protocol}://${req.host}`
