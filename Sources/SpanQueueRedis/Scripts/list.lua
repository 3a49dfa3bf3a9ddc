#!lua flags=no-writes
-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: the SpanQueue authors
--
-- Names the jobs of one queue in one state, a page at a time.
--
-- KEYS  1 the sorted set   2 the list that follows it; the same key twice where there is only one
-- ARGV  1 what is there: 'z' a sorted set, 'b' a sorted set and then a list
--       2 the cursor: '' at the start, 'z:<score>:<id>' behind that id of the set, 'l:<index>:<id>' behind that of the list
--       3 the most ids wanted
--       4 'r' to read the set from its end; only where there is no list
-- reply {next cursor or '', id, ...}
--
-- A list is taken from its head, so an id that is no longer where it was is nearer to the head, or gone together with all
-- that stood before it: then the rest begins at the head. What was not seen is not skipped.

local limit = tonumber(ARGV[3])
local cursor = ARGV[2]
local reversed = ARGV[4] == 'r'
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
      start = reversed and redis.call('ZCARD', KEYS[1]) - rank or rank + 1
    elseif score and tonumber(score) then
      start = redis.call('ZCOUNT', KEYS[1], reversed and '(' .. score or '-inf', reversed and '+inf' or '(' .. score)
    else
      return redis.error_reply('CURSOR not a cursor of this list')
    end
  end
  local entries
  if reversed then
    entries = redis.call('ZRANGE', KEYS[1], start, start + limit - 1, 'REV', 'WITHSCORES')
  else
    entries = redis.call('ZRANGE', KEYS[1], start, start + limit - 1, 'WITHSCORES')
  end
  for i = 1, #entries, 2 do reply[#reply + 1] = entries[i] end
  if #entries == 2 * limit then return finish('z:' .. entries[#entries] .. ':' .. entries[#entries - 1]) end
  if ARGV[1] == 'z' then return finish('') end
  limit = limit - #entries / 2
  cursor = ''
end

local start = 0
if cursor ~= '' then
  local index, id = string.match(cursor, '^l:(%d+):(.+)$')
  if not index then return redis.error_reply('CURSOR not a cursor of this list') end
  if redis.call('LINDEX', KEYS[2], index) == id then
    start = index + 1
  else
    local moved = redis.call('LPOS', KEYS[2], id)
    if moved then start = moved + 1 end
  end
end
local entries = redis.call('LRANGE', KEYS[2], start, start + limit - 1)
for i = 1, #entries do reply[#reply + 1] = entries[i] end
if #entries < limit then return finish('') end
return finish(string.format('l:%.0f:%s', start + limit - 1, entries[#entries]))
