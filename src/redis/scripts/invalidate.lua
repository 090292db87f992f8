-- Removes entries with their leases, all at once: no reader sees an input gone and what was derived from it still there,
-- and no load that began before this can fill after it.
-- KEYS: entries (at most 3,000: each brings another name, and Lua's stack ends near 8,000)
-- ARGV: echo
-- Returns {echo, how many entries were present}.
local leases = {}
for index, entry in ipairs(KEYS) do leases[index] = entry .. ':lease' end
redis.call('UNLINK', unpack(leases))
return { tonumber(ARGV[1]), redis.call('UNLINK', unpack(KEYS)) }
