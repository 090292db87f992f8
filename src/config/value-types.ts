/** The forms a setting may have, each with an error that says what is expected. */
import { z } from 'zod'

export const wholeNumber = (bounds: { min: number; max: number }) =>
  z
    .string()
    .regex(/^\d{1,12}$/, { error: 'is not a whole number', abort: true })
    .transform(Number)
    .pipe(
      z
        .number()
        .min(bounds.min, { error: `must be at least ${bounds.min}` })
        .max(bounds.max, { error: `must be at most ${bounds.max}` }),
    )

export const durationMs = (bounds: { min: number; max: number } = { min: 1, max: 86_400_000 }) => wholeNumber(bounds)

export const port = wholeNumber({ min: 0, max: 65_535 })

export const onOff = z
  .enum(['on', 'off', 'true', 'false', '1', '0'], { error: 'must be on or off' })
  .transform((value) => value === 'on' || value === 'true' || value === '1')

export const urlOf = (...protocols: string[]) =>
  z.string().refine((value) => URL.canParse(value) && protocols.includes(new URL(value).protocol), {
    error: `must be a URL that starts with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
  })

export const endpoint = z
  .string()
  .regex(/^(\[[0-9a-f:.]+\]|[^\s:[\]]+):\d{1,5}$/i, {
    error: 'must be a list of host:port, separated by commas',
    abort: true,
  })
  .transform((value) => {
    const colon = value.lastIndexOf(':')
    return { host: value.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(value.slice(colon + 1)) }
  })
  .refine(({ port: number }) => number >= 1 && number <= 65_535, { error: 'has a port outside 1–65535' })

export const list = <Item extends z.ZodType<unknown, string>>(item: Item) =>
  z
    .string()
    .transform((value) =>
      value
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    )
    .pipe(z.array(item).min(1, { error: 'is an empty list' }))

/** Express's own forms: a number of hops, or addresses and subnets; `true` would let any client choose its address. */
export const trustProxy = z
  .string()
  .refine((value) => value !== 'true', {
    error: 'must name hops (1) or subnets (10.0.0.0/8), not true: that trusts every client',
  })
  .transform((value): number | string | false =>
    value === 'false' ? false : /^\d+$/.test(value) ? Number(value) : value,
  )

/** Requests of one subject; 0 is no limit. */
export const perMinute = wholeNumber({ min: 0, max: 1_000_000_000 })

/** As browsers send it; no wildcard, because a page anywhere could then use a token it got hold of. */
export const origin = z.string().refine((value) => URL.canParse(value) && new URL(value).origin === value, {
  error: 'must be a list of origins such as https://app.example.com, without a path or a wildcard',
})
