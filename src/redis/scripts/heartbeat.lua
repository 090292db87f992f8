-- Proves that the server takes writes, and tells how old its data are: the fleet overwrites this several times a second,
-- so on a server that was just restarted or promoted the former value says when what it holds was last written to.
-- KEYS: heartbeat
-- ARGV: echo
-- Returns {echo, now in milliseconds by the server's clock, the former value or nil}.
local time = redis.call('TIME')
local nowMs = time[1] * 1000 + math.floor(time[2] / 1000)
local former = redis.call('GET', KEYS[1])
redis.call('SET', KEYS[1], nowMs)
return { tonumber(ARGV[1]), nowMs, former }
