-- What is stored under a key, for administrators, whatever its generation; writes nothing.
-- KEYS: entry, generation of its layer
-- ARGV: echo
-- Returns {echo, bytes or nil, milliseconds left, 1 if of the current generation}.
local echo = tonumber(ARGV[1])
local bytes = redis.pcall('GET', KEYS[1])
if type(bytes) == 'table' then
  if string.find(bytes.err, 'WRONGTYPE', 1, true) then bytes = '' else return bytes end
end
if not bytes then return { echo, false } end
local current = string.sub(bytes, 30, 45) == redis.call('GET', KEYS[2])
return { echo, bytes, redis.call('PTTL', KEYS[1]), current and 1 or 0 }
