#!lua flags=no-writes
-- Names the jobs of one queue in one state, a page at a time.
--
-- KEYS  1 the sorted set   2 the list that follows it; the same key twice where there is only one
-- ARGV  1 what is there: 'z' a sorted set, 'b' a sorted set and then a list
--       2 the cursor: '' at the start, 'z:<score>:<id>' behind that id, 'l:<n>' when n entries of the list are left
--       3 the most ids wanted
-- reply {next cursor or '', id, ...}
--
-- A list is counted from its tail, which does not move when its head is taken: what was not seen is not skipped.

local limit = tonumber(ARGV[3])
local cursor = ARGV[2]
local reply = { '' }
local function finish(next_cursor)
  reply[1] = next_cursor
  return reply
end

if string.sub(cursor, 1, 2) ~= 'l:' then
  local start = 0
  if cursor ~= '' then
    local score, id = string.match(cursor, '^z:([^:]+):(.+)$')
    local rank = id and redis.call('ZRANK', KEYS[1], id)
    if rank then
      start = rank + 1
    elseif score and tonumber(score) then
      start = redis.call('ZCOUNT', KEYS[1], '-inf', '(' .. score)
    else
      return redis.error_reply('CURSOR not a cursor of this list')
    end
  end
  local entries = redis.call('ZRANGE', KEYS[1], start, start + limit - 1, 'WITHSCORES')
  for i = 1, #entries, 2 do reply[#reply + 1] = entries[i] end
  if #entries == 2 * limit then return finish('z:' .. entries[#entries] .. ':' .. entries[#entries - 1]) end
  if ARGV[1] == 'z' then return finish('') end
  limit = limit - #entries / 2
  cursor = ''
end

local length = redis.call('LLEN', KEYS[2])
local left = length
if cursor ~= '' then
  left = tonumber(string.sub(cursor, 3))
  if not left then return redis.error_reply('CURSOR not a cursor of this list') end
  left = math.min(left, length)
end
if left > 0 then
  local entries = redis.call('LRANGE', KEYS[2], length - left, length - left + limit - 1)
  for i = 1, #entries do reply[#reply + 1] = entries[i] end
  left = left - #entries
end
return finish(left > 0 and 'l:' .. left or '')
