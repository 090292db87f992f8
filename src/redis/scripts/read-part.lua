-- Reads one further page of an entry, only if it belongs to the fill that the caller has read.
-- KEYS: parts of the entry (a hash)
-- ARGV: echo, fill id, part number, bytes that a part may have
-- Returns {echo, bytes or nil}.
local echo = tonumber(ARGV[1])
if redis.call('HGET', KEYS[1], 'fill') ~= ARGV[2] then return { echo, false } end
if redis.call('HSTRLEN', KEYS[1], ARGV[3]) > tonumber(ARGV[4]) then return { echo, false } end
return { echo, redis.call('HGET', KEYS[1], ARGV[3]) }
