-- Reads an entry if it is of the layer's current generation; writes nothing, so a replica may run it.
-- KEYS: entry, generation of its layer
-- ARGV: echo, the fill id that the caller already holds (or empty), bytes that an entry may have
-- Returns {echo, kind, milliseconds left, bytes}: 0 absent, 1 flushed, 2 same fill, 3 found, 4 too large.
-- The first line is 46 bytes: `portcullis1 <fill id: 16> <generation: 16>\n`.
local echo = tonumber(ARGV[1])
local line = redis.pcall('GETRANGE', KEYS[1], 0, 45)
if type(line) == 'table' then
  -- Another type of value under our name is a damaged entry; any other error is the server's own.
  if string.find(line.err, 'WRONGTYPE', 1, true) then return { echo, 3, 0, '' } end
  return line
end
if line == '' then return { echo, 0 } end
-- No entry of this format: said with no bytes, so that damage of any size costs nothing to move.
if #line < 46 or string.sub(line, 1, 12) ~= 'portcullis1 ' then return { echo, 3, 0, '' } end
local generation = redis.call('GET', KEYS[2])
-- The generation was evicted: whether a flush came in between is unknown, so this is a miss.
if not generation then return { echo, 0 } end
if string.sub(line, 30, 45) ~= generation then return { echo, 1 } end
local leftMs = redis.call('PTTL', KEYS[1])
-- Every fill sets an expiry; without one the promise about its life cannot be kept.
if leftMs < 0 then return { echo, 0 } end
if string.sub(line, 13, 28) == ARGV[2] then return { echo, 2, leftMs } end
if redis.call('STRLEN', KEYS[1]) > tonumber(ARGV[3]) then return { echo, 4 } end
return { echo, 3, leftMs, redis.call('GET', KEYS[1]) }
