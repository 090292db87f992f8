-- Removes the entries and leases of a layer that are not of its current generation; what was filled since then stays.
-- KEYS: generation of the layer, then names that SCAN found
-- ARGV: echo
-- Returns {echo, how many were removed}.
-- An entry begins with `portcullis1 <fill id: 16> <generation: 16>\n`; a lease is `<token: 16> <generation: 16>`.
local generation = redis.call('GET', KEYS[1])
local removed = 0
for index = 2, #KEYS do
  local line = redis.pcall('GETRANGE', KEYS[index], 0, 45)
  local own = nil
  if type(line) == 'string' then own = #line == 33 and string.sub(line, 18) or string.sub(line, 30, 45) end
  if not generation or own ~= generation then removed = removed + redis.call('UNLINK', KEYS[index]) end
end
return { tonumber(ARGV[1]), removed }
