/**
 * Memory for what is kept. Node cuts small buffers from shared blocks (`Buffer.poolSize`, 64 KiB), and a reply of Redis is
 * a part of what its socket read at once. One that is kept for hours would keep all of its block, so what is kept for
 * long is copied out of it.
 */

/** Of its block, the share from which a buffer is worth keeping where it is. */
const SHARE_MIN = 0.5

/** @returns the same bytes, in memory that holds little else */
export function inOwnMemory(bytes: Buffer): Buffer {
  if (bytes.length >= bytes.buffer.byteLength * SHARE_MIN) return bytes
  const own = Buffer.allocUnsafeSlow(bytes.length)
  bytes.copy(own)
  return own
}
