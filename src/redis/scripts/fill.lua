-- Stores an entry and its parts if the lease is still held under the generation it was taken in, and ends the lease.
-- Safe to run late: an invalidation, an expiry, an eviction or a flush has taken the lease away by then.
-- KEYS: entry, its parts, its lease, generation of the layer
-- ARGV: echo, token, generation of the lease, milliseconds to live, bytes, fill id, part 1, part 2, …
-- Returns {echo, 1}, or {echo, 0} when refused.
local echo = tonumber(ARGV[1])
if redis.call('GET', KEYS[3]) ~= ARGV[2] .. ' ' .. ARGV[3] then return { echo, 0 } end
if redis.call('GET', KEYS[4]) ~= ARGV[3] then
  redis.call('UNLINK', KEYS[3])
  return { echo, 0 }
end
redis.call('SET', KEYS[1], ARGV[5], 'PX', ARGV[4])
redis.call('UNLINK', KEYS[2], KEYS[3])
if ARGV[7] then
  redis.call('HSET', KEYS[2], 'fill', ARGV[6])
  for index = 7, #ARGV do redis.call('HSET', KEYS[2], index - 6, ARGV[index]) end
  redis.call('PEXPIRE', KEYS[2], ARGV[4])
end
return { echo, 1 }
