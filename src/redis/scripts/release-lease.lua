-- Ends a lease if it is the caller's own, never another holder's.
-- KEYS: lease
-- ARGV: echo, token, generation of the lease
-- Returns {echo, 1 if it was held, else 0}.
local echo = tonumber(ARGV[1])
if redis.call('GET', KEYS[1]) ~= ARGV[2] .. ' ' .. ARGV[3] then return { echo, 0 } end
return { echo, redis.call('UNLINK', KEYS[1]) }
