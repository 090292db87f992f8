-- Which of these entries are still the very fills that the caller holds; writes nothing and moves no value.
-- KEYS: generation of their layer, then the entries
-- ARGV: echo, then the fill id that the caller holds of each entry
-- Returns {echo, for each entry the milliseconds left, or -1: anything else, ask for it by itself}.
-- The first line of an entry is 46 bytes: `portcullis1 <fill id: 16> <generation: 16>\n`.
local generation = redis.call('GET', KEYS[1])
local answers = { tonumber(ARGV[1]) }
for index = 2, #KEYS do
  answers[index] = -1
  if generation then
    local line = redis.pcall('GETRANGE', KEYS[index], 0, 45)
    if line == 'portcullis1 ' .. ARGV[index] .. ' ' .. generation .. '\n' then
      local leftMs = redis.call('PTTL', KEYS[index])
      if leftMs >= 0 then answers[index] = leftMs end
    end
  end
end
return answers
