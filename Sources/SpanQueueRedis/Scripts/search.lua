#!lua flags=no-writes
-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: the SpanQueue authors
--
-- Names the jobs of one queue in one state that somebody looks for, in order: a bounded number is looked at a call.
--
-- KEYS  1 jobs  2 runs  3 the sorted set of the state  4 the list that follows it; the set again where there is none
-- ARGV  1 what is there: 'z' a sorted set, 'b' a sorted set and then a list
--       2 the cursor: '' at the start, 'z:<score>:<id>' behind that id of the set, 'l:<index>:<stamp>:<length of the id>:<id><id before it>'
--         behind that of the list
--       3 the most ids wanted   4 the most jobs to look at; at most 250 where more than ids is asked for
--       5 'r' to read the list and then the set, both from their ends
--       6 't' where the scores are the moments of argument 7 and 8
--       then what is wanted, '' for any:
--       7 the earliest and 8 the latest moment (ms) at which what happened last to a job did, or it was enqueued
--       9 the type; a final '*' stands for anything   10 the start of the id   11 a text in the run, small letters
--       12 the fingerprint of the last error (8 bytes)   14 ... texts in the message, all of them
--       13 't' to name types in the place of ids
-- reply {cursor behind the last job that was looked at, 1 if nothing is left behind it, how many were looked at, id, ...}
--
-- It may name more than is wanted, never less: texts are looked for in all of a record, and what can't be read is named. Who asks
-- reads the records, and looks again.
--
-- An id of the set that is gone leaves its place: what has a higher score, or the same score and a higher id, is behind it. A list
-- is taken from its head, so an id that is no longer where it was is nearer to the head; or lift.lua has moved it into the set with
-- all before it, in their order; or it is gone. If it was taken out of the middle, the one before it is still there; else all
-- before it are gone, too. So what stays where it is is met once.

-- include run

local what, cursor, limit, most, reversed = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5] == 'r'
local since, upto, kind, prefix, text, mark = tonumber(ARGV[7]), tonumber(ARGV[8]), ARGV[9], ARGV[10], ARGV[11], ARGV[12]
local scored = ARGV[6] == 't'
local timed = since ~= nil or upto ~= nil
local names_types = ARGV[13] == 't'
local needs_message = kind ~= '' or #ARGV > 13 or timed or names_types
local needs_run = text ~= '' or mark ~= '' or timed
-- How many steps back a list is read at once to find an id again, and how many ids a step has.
local back_steps, back_step = 4, 500
-- Level 0 of `priority` begins here with what was moved there from the list.
local lifted = '5348024557502464'

local function text_below(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x < y end
  end
  return #a < #b
end

-- What is wanted

-- The type of a message; nil where a later version wrote it, or it can't be read.
local function type_of(message)
  local version, flags = string.byte(message, 14, 15)
  if not flags then return nil end
  local at = 17
  if flags % 2 == 1 then at = at + 16 end
  if math.floor(flags / 8) % 2 == 1 then at = at + 8 end
  local presence
  if version == 1 then
    presence = string.byte(message, at)
    at = at + 1
  elseif version == 2 then
    at = at + 1 + (string.byte(message, at) or 0)
    presence = string.byte(message, at + 1)
    at = at + 2
  end
  if not presence then return nil end
  if presence % 2 == 1 then at = at + 9 end
  return string.sub(message, at + 1, at + (string.byte(message, at) or 0))
end
-- When what happened last did; nil where a cancel was asked for, which may be older than the end that came of it.
local function changed_at(message, run)
  local last = run_last(run)
  if not last then return message and tonumber(string.sub(message, 1, 13)) end
  local tag, high, middle, low = string.byte(run, last, last + 3)
  local body, length = last + 4, high * 65536 + middle * 256 + low
  if tag == 65 then return tonumber(string.sub(run, body + length - 13, body + length - 1)) end
  if tag == 76 then return tonumber(string.sub(run, body + 1, body + 13)) end
  if tag == 67 then return nil end
  return tonumber(string.sub(run, body, body + 12))
end
local begins = string.sub(kind, -1) == '*' and string.sub(kind, 1, -2)
local function is_wanted(id, message, run)
  if prefix ~= '' and string.sub(id, 1, #prefix) ~= prefix then return false end
  if needs_message and not message then return false end
  if needs_run and not run then
    if text ~= '' or mark ~= '' then return false end
  end
  if mark ~= '' and (string.sub(run, 5, 5) ~= 'F' or string.sub(run, 9, 16) ~= mark) then return false end
  if kind ~= '' then
    local found = type_of(message)
    if found and found ~= kind and not (begins and string.sub(found, 1, #begins) == begins) then return false end
  end
  for i = 14, #ARGV do
    if not string.find(message, ARGV[i], 17, true) then return false end
  end
  if text ~= '' and not string.find(string.lower(run), text, 5, true) then return false end
  if timed then
    local at = changed_at(message, run)
    if at and ((since and at < since) or (upto and at > upto)) then return false end
  end
  return true
end

-- The walk

local ids, looked, bytes = {}, 0, 0
-- The last that was looked at.
local last_id = ''
-- Few at first: messages may be large.
local size = (needs_message or needs_run) and 8 or most
local function answer(is_end)
  local reply = { cursor, is_end and 1 or 0, looked }
  for i = 1, #ids do reply[i + 3] = ids[i] end
  return reply
end
-- Looks at some jobs; `place(i)` is the cursor behind the i-th. False once there is enough.
local function look(found, place)
  local messages = needs_message and redis.call('HMGET', KEYS[1], unpack(found)) or {}
  local runs = needs_run and redis.call('HMGET', KEYS[2], unpack(found)) or {}
  local last = #found
  for i = 1, #found do
    looked = looked + 1
    bytes = bytes + #(messages[i] or '') + #(runs[i] or '')
    if is_wanted(found[i], messages[i], runs[i]) then
      ids[#ids + 1] = names_types and (type_of(messages[i]) or '') or found[i]
      if #ids == limit then
        last = i
        break
      end
    end
  end
  cursor = place(last)
  size = math.min(size * 2, 64, math.max(8, most))
  if not (needs_message or needs_run) then size = most end
  return #ids < limit and looked < most and bytes < 262144
end
-- False once there is enough, true at the end of the set.
local function walk_set(start)
  while true do
    local count = math.min(size, most - looked)
    local entries = reversed and redis.call('ZRANGE', KEYS[3], start, start + count - 1, 'REV', 'WITHSCORES')
      or redis.call('ZRANGE', KEYS[3], start, start + count - 1, 'WITHSCORES')
    local found, is_over = {}, #entries < 2 * count
    for i = 1, #entries, 2 do
      local score = tonumber(entries[i + 1])
      if scored and ((not reversed and upto and score > upto) or (reversed and since and score < since)) then
        is_over = true
        break
      end
      found[#found + 1] = entries[i]
    end
    if #found > 0 then
      local goes_on = look(found, function(i)
        last_id = found[i]
        return 'z:' .. entries[2 * i] .. ':' .. last_id
      end)
      if not goes_on then return false end
    end
    if is_over then return true end
    start = start + count
  end
end
local function ended_at(id) return string.sub(redis.call('HGET', KEYS[2], id) or '', -13) end
-- The same for the list; `start` is the first index to look at.
local function walk_list(start)
  while true do
    local count = math.min(size, most - looked)
    local first = reversed and math.max(0, start - count + 1) or start
    local page = start < 0 and {} or redis.call('LRANGE', KEYS[4], first, reversed and start or start + count - 1)
    local found = page
    if reversed then
      found = {}
      for i = #page, 1, -1 do found[#found + 1] = page[i] end
    end
    if #found > 0 then
      local goes_on = look(found, function(i)
        local before = i > 1 and found[i - 1] or last_id
        last_id = found[i]
        return string.format('l:%.0f:%s:%d:%s%s', reversed and start - i + 1 or start + i - 1,
          reversed and ended_at(last_id) or '', #last_id, last_id, before)
      end)
      if not goes_on then return false end
    end
    if #found < count then return true end
    start = reversed and start - count or start + count
  end
end

-- Where to go on

-- How many members of the set stand before a place, and whether the id is still there.
local function place_in_set(score, id)
  local found = id ~= '' and redis.call('ZSCORE', KEYS[3], id)
  if found and tonumber(found) == tonumber(score) then return redis.call('ZRANK', KEYS[3], id), 1 end
  local low = redis.call('ZCOUNT', KEYS[3], '-inf', '(' .. score)
  local high = redis.call('ZCOUNT', KEYS[3], '-inf', score)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if text_below(redis.call('ZRANGE', KEYS[3], middle, middle)[1], id) then low = middle + 1 else high = middle end
  end
  return low, 0
end
local function start_in_set(score, id)
  local before, present = place_in_set(score, id)
  return reversed and redis.call('ZCARD', KEYS[3]) - before or before + present
end
local function first_of_set()
  if not scored then return 0 end
  if reversed then return upto and redis.call('ZCOUNT', KEYS[3], '(' .. ARGV[8], '+inf') or 0 end
  return since and redis.call('ZCOUNT', KEYS[3], '-inf', '(' .. ARGV[7]) or 0
end
-- From the tail of the list, or from its head.
local function end_of_list() return reversed and redis.call('LLEN', KEYS[4]) - 1 or 0 end
-- Of a list in the order of the ends of its jobs, which ended no later than a moment: the last of them.
local function last_until(stamp)
  local low, high = 0, redis.call('LLEN', KEYS[4])
  while low < high do
    local middle = math.floor((low + high) / 2)
    if ended_at(redis.call('LINDEX', KEYS[4], middle)) <= stamp then low = middle + 1 else high = middle end
  end
  return low - 1
end

local has_list = what == 'b'
local enough = false
if cursor == '' then
  if reversed and has_list then
    enough = not walk_list(end_of_list()) or not walk_set(0)
  else
    enough = not walk_set(first_of_set()) or (has_list and not walk_list(0))
  end
  return answer(not enough)
end

local score, member = string.match(cursor, '^z:([^:]+):(.*)$')
if score and tonumber(score) then
  last_id = member
  enough = not walk_set(start_in_set(score, member)) or (has_list and not reversed and not walk_list(0))
  return answer(not enough)
end

local index, stamp, length, names = string.match(cursor, '^l:(%d+):(%d*):(%d+):(.+)$')
if not index or not has_list or tonumber(length) > #names then return redis.error_reply('CURSOR not a cursor of this list') end
index = tonumber(index)
local id, before = string.sub(names, 1, length), string.sub(names, length + 1)
last_id = id
local at = redis.call('LINDEX', KEYS[4], index) == id and index or nil
if not at then
  local place, moved = id, redis.call('ZSCORE', KEYS[3], id)
  if not moved and not reversed and before ~= '' then
    place, moved = before, redis.call('ZSCORE', KEYS[3], before)
  end
  if moved then
    -- With all before it, by lift.lua.
    if reversed then
      enough = not walk_set(0)
    else
      enough = not walk_set(start_in_set(moved, place)) or not walk_list(0)
    end
    return answer(not enough)
  end
  local lowest = reversed and index + 2 or index
  for _ = 1, back_steps do
    if not at and lowest > 0 then
      local first = math.max(0, lowest - back_step)
      local page = redis.call('LRANGE', KEYS[4], first, lowest - 1)
      for i = #page, 1, -1 do
        if page[i] == id or page[i] == before then
          at = first + i - 1
          -- From the tail the one before comes first.
          last_id = page[i]
          if reversed and at > 0 and last_id == before and redis.call('LINDEX', KEYS[4], at - 1) == id then
            at, last_id = at - 1, id
          end
          break
        end
      end
      lowest = first
    end
  end
  if not at and lowest > 0 then
    -- The next call goes on to look for it.
    cursor = string.format('l:%.0f:%s:%s:%s', lowest, stamp, length, names)
    return answer(false)
  end
end
if at then
  enough = not walk_list(reversed and at - 1 or at + 1) or (reversed and not walk_set(0))
elseif reversed then
  enough = not walk_list(last_until(stamp)) or not walk_set(0)
else
  -- What was before it may have been moved into the set since, and so may have been what comes behind it.
  enough = not walk_set(start_in_set(lifted, '')) or not walk_list(0)
end
return answer(not enough)
