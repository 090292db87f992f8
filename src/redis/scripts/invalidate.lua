-- Removes entries with their parts and leases, all at once: no reader sees an input gone and what was derived from it
-- still there, and no load that began before this can fill after it.
-- KEYS: entries (at most 2,000: each brings two more names, and Lua's stack ends near 8,000)
-- ARGV: echo
-- Returns {echo, how many entries were present}.
local beside = {}
for index, entry in ipairs(KEYS) do
  beside[2 * index - 1] = entry .. ':parts'
  beside[2 * index] = entry .. ':lease'
end
redis.call('UNLINK', unpack(beside))
return { tonumber(ARGV[1]), redis.call('UNLINK', unpack(KEYS)) }
