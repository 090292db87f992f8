-- Reads the entries of one read, the first and then what it is derived from: each entry if it is of its layer's current
-- generation, else a lease on it unless another caller holds it. Stops at the first that was not leased. Late, it merely
-- leaves leases that expire.
-- KEYS: for each request: entry, lease, generation of its layer
-- ARGV: echo, bytes that an entry may have; then for each request: token, milliseconds until the lease expires,
--       generation to use if there is none, fill id that the caller must not use (or empty)
-- Returns {echo, then for each request that was looked at {kind, ...}}:
--   {0} busy: another holder has the lease    {1, generation, why} leased    {2, milliseconds left, bytes} found
--   why: 0 nothing was there or the caller refused it, 1 flushed, 2 too large, 3 damaged
-- The first line is 46 bytes: `portcullis1 <fill id: 16> <generation: 16>\n`.
local function usable(entry, generation, refused)
  local line = redis.pcall('GETRANGE', entry, 0, 45)
  if type(line) == 'table' then
    -- Another type of value under our name is a damaged entry; any other error is the server's own.
    if string.find(line.err, 'WRONGTYPE', 1, true) then return nil, 3 end
    return line
  end
  if line == '' then return nil, 0 end
  if #line < 46 or string.sub(line, 1, 12) ~= 'portcullis1 ' then return nil, 3 end
  -- The generation was evicted: whether a flush came in between is unknown, so this is a miss.
  if not generation then return nil, 0 end
  if string.sub(line, 30, 45) ~= generation then return nil, 1 end
  if string.sub(line, 13, 28) == refused then return nil, 0 end
  local leftMs = redis.call('PTTL', entry)
  -- Every fill sets an expiry; without one the promise about its life cannot be kept.
  if leftMs < 0 then return nil, 0 end
  if redis.call('STRLEN', entry) > tonumber(ARGV[2]) then return nil, 2 end
  return { 2, leftMs, redis.call('GET', entry) }
end

local replies = { tonumber(ARGV[1]) }
for at = 0, #KEYS / 3 - 1 do
  local entry, lease, scope = KEYS[3 * at + 1], KEYS[3 * at + 2], KEYS[3 * at + 3]
  local token, leaseMs, fresh, refused = ARGV[4 * at + 3], ARGV[4 * at + 4], ARGV[4 * at + 5], ARGV[4 * at + 6]
  local generation = redis.call('GET', scope)
  -- All we ever write has 16 bytes; under anything else no entry could ever count.
  if generation and #generation ~= 16 then generation = false end
  local found, why = usable(entry, generation, refused)
  if found and found.err then return found end
  if found then
    replies[at + 2] = found
    return replies
  end
  if not generation then
    -- Never written, evicted, or damaged: entries and leases of the one that was there stop counting, which only costs misses.
    generation = fresh
    redis.call('SET', scope, generation)
  end
  local held = redis.call('GET', lease)
  -- A lease from before a flush cannot fill any more, so it may not make others wait either.
  if held and string.sub(held, 18) == generation then
    replies[at + 2] = { 0 }
    return replies
  end
  redis.call('SET', lease, token .. ' ' .. generation, 'PX', leaseMs)
  replies[at + 2] = { 1, generation, why }
end
return replies
