#!lua flags=allow-oom
-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: the SpanQueue authors
--
-- Reclaims jobs of one queue whose lease has run out.
--
-- KEYS  1 jobs  2 runs  3 priority  4 active  5 leases  6 dead  7 cancelled  8 unique  9 meta  10 wake  11 cancelling
-- ARGV  1 the most jobs to reclaim, at most 100   2 the number of reclaims at which a job is buried
--       3 the server time (ms) past which this call must not run, 0 for none
-- reply {now, id, fate, lease, message, run, ...}
--         fate 'r' ready again, 'd' dead, 'c' cancelled, 'v' it had no record and is gone (message and run are then nil)
--       or an error  'USES <bits>': nothing was done
-- moves active -> ready, dead, cancelled

-- include place
-- include run
-- include lock
-- include uses

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stamp = string.format('%.0f', now)
local not_after = tonumber(ARGV[3])
if not_after > 0 and now > not_after then
  return redis.error_reply('LATE the call reached Redis after its time limit and did nothing')
end
local ids = redis.call('ZRANGE', KEYS[4], '-inf', stamp, 'BYSCORE', 'LIMIT', 0, tonumber(ARGV[1]))
local reply = { stamp }
if #ids == 0 then return reply end
local refusal = uses_refusal(redis.call('HGET', KEYS[9], 'uses'))
if refusal then return refusal end

local leases = redis.call('HMGET', KEYS[5], unpack(ids))
local messages = redis.call('HMGET', KEYS[1], unpack(ids))
local runs = redis.call('HMGET', KEYS[2], unpack(ids))
local cancelling = redis.call('HMGET', KEYS[11], unpack(ids))
local limit = tonumber(ARGV[2])

-- The ids come in the order in which their leases ran out, and go back in that order.
local returned, dead, cancelled, gone, stored, locks = {}, {}, {}, {}, {}, {}
for i = 1, #ids do
  local id, message = ids[i], messages[i]
  local lease = leases[i] or ''
  local fate, run = 'v', false
  if not message then
    gone[#gone + 1] = id
  else
    local old = runs[i]
    if not old or #old < 4 then old = run_empty end
    local reclaims = math.min(string.byte(old, 4) + 1, 255)
    if cancelling[i] then
      fate = 'c'
      cancelled[#cancelled + 1] = stamp
      cancelled[#cancelled + 1] = id
    elseif reclaims >= limit then
      fate = 'd'
      dead[#dead + 1] = stamp
      dead[#dead + 1] = id
    else
      fate = 'r'
      returned[#returned + 1] = place_level(message)
      returned[#returned + 1] = id
    end
    run = run_with(string.sub(old, 1, 3) .. string.char(reclaims) .. string.sub(old, 5), 'L', fate .. stamp .. lease)
    if cancelling[i] then run = run_cancelled(run, cancelling[i], stamp) end
    stored[#stored + 1] = id
    stored[#stored + 1] = run
    local digest = fate ~= 'r' and lock_digest(message)
    if digest then
      locks[#locks + 1] = digest
      locks[#locks + 1] = id
    end
  end
  local n = #reply
  reply[n + 1], reply[n + 2], reply[n + 3], reply[n + 4], reply[n + 5] = id, fate, lease, message, run
end

redis.call('ZREM', KEYS[4], unpack(ids))
redis.call('HDEL', KEYS[5], unpack(ids))
redis.call('HDEL', KEYS[11], unpack(ids))
if #stored > 0 then redis.call('HSET', KEYS[2], unpack(stored)) end
if #gone > 0 then
  redis.call('HDEL', KEYS[2], unpack(gone))
  redis.call('HINCRBY', KEYS[9], 'removed', #gone)
end
if #dead > 0 then
  redis.call('ZADD', KEYS[6], unpack(dead))
  redis.call('HINCRBY', KEYS[9], 'dead', #dead / 2)
end
if #cancelled > 0 then
  redis.call('ZADD', KEYS[7], unpack(cancelled))
  redis.call('HINCRBY', KEYS[9], 'cancelled', #cancelled / 2)
end
for i = 1, #locks, 2 do lock_release(KEYS[8], locks[i], locks[i + 1]) end
if #returned > 0 then
  place_returned(KEYS[9], KEYS[3], returned)
  if redis.call('LLEN', KEYS[10]) == 0 then redis.call('RPUSH', KEYS[10], '1') end
end
return reply
