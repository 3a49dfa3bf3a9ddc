#!lua
-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: the SpanQueue authors
--
-- Adds jobs that come from another store, as they were stored there: `spanq transfer`.
--
-- KEYS  all of the queue, in the order of RedisKeys.all: 1 jobs  2 runs  3 ready  4 priority  5 scheduled  6 retrying  7 active
--       ... 10 completed  11 retained  12 dead  13 cancelled  14 unique  15 unique-expiry  16 meta ...
-- ARGV  1 what `pause` of meta must be
--       then per job, at most 100   id, state, score, message, run, token, digest, lock
--         state   scheduled, retrying, ready, completed, retained, dead or cancelled
--         score   (ms) when it is due; until when a retained one is kept; when a dead or cancelled one ended; else ''
--         run     '' where it has none        token  the highest of its claims
--         digest  '' or that of the lock that it holds, and lock its end (ms), 0 for none
-- reply per job  {'adopted'}, {'there', state, run}: the same job is there;  {'conflict'}: another job has the id;
--                {'locked', owner}: another job holds the lock
--       or an error  'USES <bits>', 'DOOR <door>', 'PAUSE ...': nothing was done
-- moves nothing -> scheduled, retrying, ready, completed, dead, cancelled
--
-- Nobody claims meanwhile: so what is there was run by nobody since it came, and ready jobs need not wake anybody.

-- include place
-- include run
-- include lock
-- include uses
-- include state

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local meta = redis.call('HMGET', KEYS[16], 'pause', 'uses', 'token')
local refusal = uses_refusal(meta[2])
if refusal then return refusal end
local door = redis.call('HGET', KEYS[1], '@')
if door then return redis.error_reply('DOOR ' .. door) end
if meta[1] ~= ARGV[1] then
  return redis.error_reply('PAUSE the queue is not paused as the transfer left it: somebody else has resumed or paused it')
end

local ids = {}
for at = 2, #ARGV, 8 do ids[#ids + 1] = ARGV[at] end
if #ids == 0 then return {} end
local known = redis.call('HMGET', KEYS[1], unpack(ids))
local runs = redis.call('HMGET', KEYS[2], unpack(ids))
local sets = { KEYS[5], KEYS[6], KEYS[7], KEYS[4], KEYS[12], KEYS[13], KEYS[11] }
local states = states_of(ids, runs, sets, KEYS[16])

local reply, added = {}, 0
local fields, records, ready, priority, completed, locks, expiries = {}, {}, {}, {}, {}, {}, {}
local scored = { scheduled = {}, retrying = {}, retained = {}, dead = {}, cancelled = {} }
local places = { scheduled = 5, retrying = 6, retained = 11, dead = 12, cancelled = 13 }
local last = tonumber(meta[3] or '0')
for i, id in ipairs(ids) do
  local at = 8 * i - 6
  local state, score, message, run = ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  local digest, ends = ARGV[at + 6], tonumber(ARGV[at + 7])
  local value = digest ~= '' and redis.call('HGET', KEYS[14], digest)
  local owner = value and lock_holder(KEYS[1], value, now)
  if known[i] then
    reply[i] = known[i] == message and { 'there', states[i], runs[i] } or { 'conflict' }
  elseif owner and owner ~= id then
    reply[i] = { 'locked', owner }
  else
    reply[i] = { 'adopted' }
    added = added + 1
    fields[#fields + 1] = id
    fields[#fields + 1] = message
    if run ~= '' then
      records[#records + 1] = id
      records[#records + 1] = run
    end
    local level = place_level(message)
    if state == 'ready' then
      if level > 0 then
        priority[#priority + 1] = level
        priority[#priority + 1] = id
      else
        ready[#ready + 1] = id
      end
    elseif state == 'completed' then
      completed[#completed + 1] = id
    else
      local set = scored[state]
      if state == 'scheduled' or state == 'retrying' then
        score = string.format('%.2f', tonumber(score) + level / 100)
      end
      set[#set + 1] = score
      set[#set + 1] = id
    end
    if digest ~= '' and (ends == 0 or ends > now) then
      locks[#locks + 1] = digest
      locks[#locks + 1] = string.format('%.0f', ends) .. ':' .. id
      if ends > 0 then
        expiries[#expiries + 1] = ARGV[at + 7]
        expiries[#expiries + 1] = digest
      end
    end
    local token = tonumber(ARGV[at + 5])
    if token > last then last = token end
  end
end
if added == 0 then return reply end

redis.call('HSET', KEYS[1], unpack(fields))
if #records > 0 then redis.call('HSET', KEYS[2], unpack(records)) end
if #ready > 0 then redis.call('RPUSH', KEYS[3], unpack(ready)) end
if #priority > 0 then place_arrivals(KEYS[16], KEYS[4], priority) end
if #completed > 0 then redis.call('RPUSH', KEYS[10], unpack(completed)) end
for state, list in pairs(scored) do
  if #list > 0 then redis.call('ZADD', KEYS[places[state]], unpack(list)) end
end
if #locks > 0 then redis.call('HSET', KEYS[14], unpack(locks)) end
if #expiries > 0 then redis.call('ZADD', KEYS[15], unpack(expiries)) end
redis.call('HINCRBY', KEYS[16], 'enqueued', added)
-- Totals are not less than what there is.
local ended = { completed = #completed + #scored.retained / 2, dead = #scored.dead / 2, cancelled = #scored.cancelled / 2 }
for name, count in pairs(ended) do
  if count > 0 then redis.call('HINCRBY', KEYS[16], name, count) end
end
-- The next claim has a higher token than all that these jobs have had.
if last > tonumber(meta[3] or '0') then redis.call('HSET', KEYS[16], 'token', string.format('%.0f', last)) end
return reply
