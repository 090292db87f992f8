-- Stores entries, each if its lease is still held under the generation it was taken in, and ends the lease.
-- Safe to run late: an invalidation, an expiry, an eviction or a flush has taken the lease away by then.
-- KEYS: for each entry: entry, lease, generation of its layer
-- ARGV: echo; then for each entry: token, generation of the lease, milliseconds to live, bytes
-- Returns {echo, then for each entry 1, or 0 when refused}.
local replies = { tonumber(ARGV[1]) }
for at = 0, #KEYS / 3 - 1 do
  local entry, lease, scope = KEYS[3 * at + 1], KEYS[3 * at + 2], KEYS[3 * at + 3]
  local token, generation, ttlMs, bytes = ARGV[4 * at + 2], ARGV[4 * at + 3], ARGV[4 * at + 4], ARGV[4 * at + 5]
  local accepted = 0
  if redis.call('GET', lease) == token .. ' ' .. generation then
    if redis.call('GET', scope) == generation then
      redis.call('SET', entry, bytes, 'PX', ttlMs)
      accepted = 1
    end
    redis.call('UNLINK', lease)
  end
  replies[at + 2] = accepted
end
return replies
