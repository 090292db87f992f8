-- What is stored under a key, for administrators, whatever its generation; writes nothing. What is too large to be an
-- entry is shown as its beginning, which no reader takes for one either.
-- KEYS: entry, generation of its layer
-- ARGV: echo, bytes that an entry may have
-- Returns {echo, bytes or nil, milliseconds left, 1 if of the current generation}.
local echo = tonumber(ARGV[1])
local bytes = redis.pcall('GETRANGE', KEYS[1], 0, 45)
if type(bytes) == 'table' then
  if string.find(bytes.err, 'WRONGTYPE', 1, true) then bytes = '' else return bytes end
end
if bytes == '' and redis.call('EXISTS', KEYS[1]) == 0 then return { echo, false } end
local current = string.sub(bytes, 30, 45) == redis.call('GET', KEYS[2])
if #bytes == 46 and redis.call('STRLEN', KEYS[1]) <= tonumber(ARGV[2]) then bytes = redis.call('GET', KEYS[1]) end
return { echo, bytes, redis.call('PTTL', KEYS[1]), current and 1 or 0 }
