-- Gives layers a new generation, all at once: every entry and every lease of an older one stops counting.
-- KEYS: generations
-- ARGV: echo, a new value for each
-- Returns {echo, how many}.
for index, generation in ipairs(KEYS) do redis.call('SET', generation, ARGV[index + 1]) end
return { tonumber(ARGV[1]), #KEYS }
