-- Takes the lease of an entry unless another caller holds it; late, it merely expires.
-- KEYS: lease, generation of the layer
-- ARGV: echo, token, milliseconds until the lease expires, generation to use if there is none
-- Returns {echo, 1, generation}, or {echo, 0} when another holder has it.
local echo = tonumber(ARGV[1])
local generation = redis.call('GET', KEYS[2])
-- All we ever write has 16 bytes; under anything else no entry could ever count.
if not generation or #generation ~= 16 then
  -- Never written, evicted, or damaged: entries and leases of the one that was there stop counting, which only costs misses.
  generation = ARGV[4]
  redis.call('SET', KEYS[2], generation)
end
local held = redis.call('GET', KEYS[1])
-- A lease from before a flush cannot fill any more, so it may not make others wait either.
if held and string.sub(held, 18) == generation then return { echo, 0 } end
redis.call('SET', KEYS[1], ARGV[2] .. ' ' .. generation, 'PX', ARGV[3])
return { echo, 1, generation }
