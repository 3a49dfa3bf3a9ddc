#!lua flags=allow-oom
-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: the SpanQueue authors
--
-- Removes or redrives jobs of one queue in one state, oldest first, a bounded number a call.
--
-- KEYS  1 jobs  2 runs  3 the sorted set of the state  4 the list of the state, or the sorted set again  5 ready  6 priority
--       7 unique  8 meta  9 wake
-- ARGV  1 'remove' or 'redrive'   2 the most jobs, at most 100   3 '' or the latest score   4 how many to pass over
--       5 '', or a NUL and who asked for it
-- reply {done, skipped}, or an error  'USES <bits>': nothing was done
-- moves dead -> ready;  any but active -> gone

-- include place
-- include run
-- include lock
-- include uses

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stamp = string.format('%.0f', now)
local limit = tonumber(ARGV[2])
local upto = ARGV[3] == '' and '+inf' or ARGV[3]
local ids = redis.call('ZRANGE', KEYS[3], '-inf', upto, 'BYSCORE', 'LIMIT', tonumber(ARGV[4]), limit)
local sorted = #ids
if sorted < limit and KEYS[4] ~= KEYS[3] then
  local more = redis.call('LRANGE', KEYS[4], 0, limit - sorted - 1)
  for i = 1, #more do ids[#ids + 1] = more[i] end
end
if #ids == 0 then return { 0, 0 } end
local refusal = uses_refusal(redis.call('HGET', KEYS[8], 'uses'))
if refusal then return refusal end
local messages = redis.call('HMGET', KEYS[1], unpack(ids))

if ARGV[1] == 'remove' then
  if #ids > sorted then redis.call('LPOP', KEYS[4], #ids - sorted) end
  if sorted > 0 then redis.call('ZREM', KEYS[3], unpack(ids, 1, sorted)) end
  for i = 1, #ids do
    local digest = messages[i] and lock_digest(messages[i])
    if digest then lock_release(KEYS[7], digest, ids[i]) end
  end
  redis.call('HDEL', KEYS[1], unpack(ids))
  redis.call('HDEL', KEYS[2], unpack(ids))
  redis.call('HINCRBY', KEYS[8], 'removed', #ids)
  return { #ids, 0 }
end

local runs = redis.call('HMGET', KEYS[2], unpack(ids))
local moved, ready, priority, stored, locks, skipped = {}, {}, {}, {}, {}, 0
local taken = {}
for i = 1, sorted do
  local id, free = ids[i], messages[i] and true or false
  local digest = free and lock_digest(messages[i])
  if digest then
    local value = redis.call('HGET', KEYS[7], digest)
    local owner = taken[digest] or (value and lock_holder(KEYS[1], value, now))
    free = not owner or owner == id
    if free then
      taken[digest] = id
      locks[#locks + 1] = digest
      locks[#locks + 1] = '0:' .. id
    end
  end
  if free then
    moved[#moved + 1] = id
    local level = place_level(messages[i])
    if level > 0 then
      priority[#priority + 1] = level
      priority[#priority + 1] = id
    else
      ready[#ready + 1] = id
    end
    stored[#stored + 1] = id
    stored[#stored + 1] = run_with(run_empty .. string.sub(runs[i] or run_empty, 5), 'V', stamp .. ARGV[5])
  else
    skipped = skipped + 1
  end
end
if #moved == 0 then return { 0, skipped } end
redis.call('ZREM', KEYS[3], unpack(moved))
redis.call('HSET', KEYS[2], unpack(stored))
if #locks > 0 then redis.call('HSET', KEYS[7], unpack(locks)) end
if #ready > 0 then redis.call('RPUSH', KEYS[5], unpack(ready)) end
if #priority > 0 then place_arrivals(KEYS[8], KEYS[6], priority) end
if redis.call('LLEN', KEYS[9]) == 0 then redis.call('RPUSH', KEYS[9], '1') end
return { #moved, skipped }
