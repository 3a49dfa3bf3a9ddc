#!lua
-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: the SpanQueue authors
--
-- Adds jobs to one queue.
--
-- KEYS  1 jobs  2 ready  3 priority  4 scheduled  5 unique  6 unique-expiry  7 meta  8 wake
--       and, where a job has a lock or an id of the caller's own:  9 runs  10 retrying  11 active  12 dead  13 cancelled
--       14 retained
-- ARGV  1 the server time (ms) past which this call must not run, 0 for none
--       2 the door that the caller brings, '' for none
--       3 the number N of plain jobs: no delay, no priority, no lock, an id of our own making
--       then N times     id, message
--       then per further job  id, message, when, priority, digest, lock
--         when      '' now, '+ms' after that long, '@ms' at that time
--         priority  '0' to '9'
--         digest    '' or the 16 bytes of its unique lock
--         lock      '' until its end or start, else how long the lock is held (ms)
-- reply {now, index, kind, detail, ...}: one triple for each job that was not simply accepted
--         'r' accepted by an earlier call;  'd' duplicate;  the detail of both is the job that is there:
--             {id, state, score, the start of its message}. Where its record is gone all but the id are '', and without the keys from
--             9 on state and score are.
--         'c' conflict: the id is taken by a job with other content
--         and once, with the index 0, 'n': these are the first jobs of the queue
--       or an error  'LATE ...', 'DOOR <the queue's door>': nothing was done
-- moves nothing -> ready, scheduled
--
-- At most 128 jobs a call, so that no unpack exceeds 256 items.
--
-- The door is the field '@' of jobs, which no id can be. While a queue has one, only those who bring it may add jobs.

-- include place
-- include lock

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stamp = string.format('%.0f', now)
local not_after = tonumber(ARGV[1])
if not_after > 0 and now > not_after then
  return redis.error_reply('LATE the call reached Redis after its time limit and did nothing')
end

-- One plain job with a new id, which is what most calls bring: as below, without all that only others need. That is a third of what the
-- call costs.
if ARGV[3] == '1' and #ARGV == 5 and ARGV[2] == '' then
  local known = redis.call('HMGET', KEYS[1], ARGV[4], '@')
  if not known[1] and not known[2] then
    redis.call('HSET', KEYS[1], ARGV[4], stamp .. ARGV[5])
    local is_first = redis.call('HINCRBY', KEYS[7], 'enqueued', 1) == 1
    redis.call('RPUSH', KEYS[2], ARGV[4])
    if redis.call('LLEN', KEYS[8]) == 0 then redis.call('RPUSH', KEYS[8], '1', '1') end
    return is_first and { stamp, 0, 'n', '' } or { stamp }
  end
end

local plain = tonumber(ARGV[3])
local first_extended = 4 + 2 * plain
local ids = {}
for i = 1, plain do ids[i] = ARGV[2 + 2 * i] end
local digests = {}
for at = first_extended, #ARGV, 6 do
  ids[#ids + 1] = ARGV[at]
  if ARGV[at + 4] ~= '' then
    digests[#digests + 1] = ARGV[at + 4]
  end
end

ids[#ids + 1] = '@'
local known = redis.call('HMGET', KEYS[1], unpack(ids))
local door = known[#ids] or ''
if door ~= ARGV[2] then return redis.error_reply('DOOR ' .. door) end
local owners = {}
if #digests > 0 then
  local values = redis.call('HMGET', KEYS[5], unpack(digests))
  for i, value in ipairs(values) do
    if value then owners[digests[i]] = lock_holder(KEYS[1], value, now) end
  end
end

local reply = { stamp }
local met = nil
-- What tells all of a message that a receipt says.
local start_bytes = 480
local function except(index, kind, id, stored)
  local n = #reply
  local detail = ''
  if id then
    detail = { id, '', '', stored and string.sub(stored, 1, start_bytes) or '' }
    met = met or {}
    met[#met + 1] = detail
  end
  reply[n + 1], reply[n + 2], reply[n + 3] = index, kind, detail
end

-- Byte 2 of a message is its flags; 1 says that a digest of 16 bytes stands at byte 4, and 8 that a digest of the content
-- (8 bytes) follows. A stored message has 13 digits of enqueue time in front.
local function same(stored, message)
  local flags = string.byte(message, 2)
  if flags % 16 < 8 then return string.sub(stored, 14) == message end
  if string.byte(stored, 15) % 16 < 8 then return false end
  local mine = flags % 2 == 1 and 20 or 4
  local theirs = string.byte(stored, 15) % 2 == 1 and 33 or 17
  return string.sub(message, mine, mine + 7) == string.sub(stored, theirs, theirs + 7)
end

local fields, ready, priority, scheduled, locks, expiries = {}, {}, {}, {}, {}, {}
local added = {}
for i = 1, plain do
  local id, message = ids[i], ARGV[3 + 2 * i]
  local stored = known[i] or added[id]
  if not stored then
    local value = stamp .. message
    added[id] = value
    fields[#fields + 1] = id
    fields[#fields + 1] = value
    ready[#ready + 1] = id
  elseif same(stored, message) then
    except(i, 'r', id, stored)
  else
    except(i, 'c')
  end
end

local index = plain
for at = first_extended, #ARGV, 6 do
  index = index + 1
  local id, message, when = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local stored = known[index] or added[id]
  local digest = ARGV[at + 4]
  local owner = digest ~= '' and owners[digest] or nil
  if stored then
    if same(stored, message) then except(index, 'r', id, stored) else except(index, 'c') end
  elseif owner and owner ~= id then
    except(index, 'd', owner)
  else
    local value = stamp .. message
    added[id] = value
    fields[#fields + 1] = id
    fields[#fields + 1] = value
    local due = 0
    if when ~= '' then
      due = tonumber(string.sub(when, 2))
      if string.byte(when) == 43 then due = now + due end
    end
    local level = tonumber(ARGV[at + 3])
    if due > now then
      -- The fraction of the score is the priority in hundredths, so that a promotion need not read the message.
      scheduled[#scheduled + 1] = string.format('%.2f', due + level / 100)
      scheduled[#scheduled + 1] = id
    elseif level > 0 then
      priority[#priority + 1] = level
      priority[#priority + 1] = id
    else
      ready[#ready + 1] = id
    end
    if digest ~= '' then
      local expiry = ARGV[at + 5] == '' and '0' or string.format('%.0f', now + tonumber(ARGV[at + 5]))
      owners[digest] = id
      locks[#locks + 1] = digest
      locks[#locks + 1] = expiry .. ':' .. id
      if expiry ~= '0' then
        expiries[#expiries + 1] = expiry
        expiries[#expiries + 1] = digest
      end
    end
  end
end

if met and KEYS[9] then
-- include run
-- include uses
-- include state
  local others, places = {}, {}
  for _, job in ipairs(met) do
    if not places[job[1]] then
      others[#others + 1] = job[1]
      places[job[1]] = #others
    end
  end
  local messages = redis.call('HMGET', KEYS[1], unpack(others))
  local runs = redis.call('HMGET', KEYS[9], unpack(others))
  local sets = { KEYS[4], KEYS[10], KEYS[11], KEYS[3], KEYS[12], KEYS[13], KEYS[14] }
  local states, scores = states_of(others, runs, sets, KEYS[7])
  local put_off = {}
  for k = 2, #scheduled, 2 do put_off[scheduled[k]] = scheduled[k - 1] end
  for _, job in ipairs(met) do
    local id = job[1]
    local place = places[id]
    if messages[place] then
      job[2], job[3], job[4] = states[place], scores[place], string.sub(messages[place], 1, start_bytes)
    elseif added[id] then
      local due = put_off[id]
      job[2] = due and 'scheduled' or 'ready'
      job[3] = due and string.format('%.0f', math.floor(tonumber(due))) or ''
      job[4] = string.sub(added[id], 1, start_bytes)
    end
  end
end

if #fields == 0 then return reply end
redis.call('HSET', KEYS[1], unpack(fields))
-- Whoever lists the queues by what it remembers must list this one again: it may have been deleted since.
if redis.call('HINCRBY', KEYS[7], 'enqueued', #fields / 2) == #fields / 2 then except(0, 'n') end
local wake = false
if #ready > 0 then
  redis.call('RPUSH', KEYS[2], unpack(ready))
  wake = true
end
if #priority > 0 then
  place_arrivals(KEYS[7], KEYS[3], priority)
  wake = true
end
if #scheduled > 0 then
  redis.call('ZADD', KEYS[4], unpack(scheduled))
  -- An idle worker sleeps until the earliest due time it knows of: wake one if that has become earlier.
  if not wake and added[redis.call('ZRANGE', KEYS[4], 0, 0)[1]] then wake = true end
end
if #locks > 0 then redis.call('HSET', KEYS[5], unpack(locks)) end
if #expiries > 0 then redis.call('ZADD', KEYS[6], unpack(expiries)) end
-- Two idle workers are woken, since the first may have died without Redis knowing it yet. The claim that empties the queue
-- takes back a wake-up that is still there.
if wake and redis.call('LLEN', KEYS[8]) == 0 then redis.call('RPUSH', KEYS[8], '1', '1') end
return reply
