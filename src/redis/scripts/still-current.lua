-- Which of these entries are still the very fills that the caller holds; writes nothing and moves no value.
-- KEYS: generation of their layer, then the entries
-- ARGV: echo, then the fill ids that the caller holds of the entries, 16 characters each, in one string
-- Returns {echo, for each entry the milliseconds left, or -1: anything else, ask for it by itself}.
-- The first line of an entry is 46 bytes: `portcullis1 <fill id: 16> <generation: 16>\n`.
local generation = redis.call('GET', KEYS[1])
local answers = { tonumber(ARGV[1]) }
for index = 2, #KEYS do
  answers[index] = -1
  if generation then
    local line = redis.pcall('GETRANGE', KEYS[index], 0, 45)
    local known = string.sub(ARGV[2], 16 * index - 31, 16 * index - 16)
    if line == 'portcullis1 ' .. known .. ' ' .. generation .. '\n' then
      local leftMs = redis.call('PTTL', KEYS[index])
      if leftMs >= 0 then answers[index] = leftMs end
    end
  end
end
return answers
