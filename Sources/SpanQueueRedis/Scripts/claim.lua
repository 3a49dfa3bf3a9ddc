#!lua
-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: the SpanQueue authors
--
-- Promotes what is due in one queue, then claims ready jobs for a worker.
--
-- KEYS  1 jobs  2 runs  3 ready  4 priority  5 scheduled  6 retrying  7 active  8 leases  9 unique  10 meta  11 wake
-- ARGV  1 the most jobs wanted, at most 128   2 lease (ms)   3 nonce (hex)   4 worker
--       5 the server time (ms) past which this call must not run, 0 for none
-- reply {now, lease, paused, more, next due, next lapse, promoted, vanished ids, ids, messages, runs}
--         lease: what every job of the batch has in leases, '<token>-<nonce>:<worker>'
--         next due, next lapse: server time (ms) or '' when there is none
--         and, while somebody watches the queue, for how long yet (ms)
--       or an error  'LATE ...', 'USES <bits>': nothing was done
-- moves scheduled, retrying -> ready -> active
--
-- One token serves the whole batch: it only has to rise from claim to claim of one job.

-- include place
-- include lock
-- include uses

local time = redis.call('TIME')
local micros = time[1] * 1000000 + time[2]
local now = math.floor(micros / 1000)
local stamp = string.format('%.0f', now)
local not_after = tonumber(ARGV[5])
if not_after > 0 and now > not_after then
  return redis.error_reply('LATE the call reached Redis after its time limit and did nothing')
end

local meta = redis.call('HMGET', KEYS[10], 'token', 'pause', 'paused', 'uses', 'watch')
local refusal = uses_refusal(meta[4])
if refusal then return refusal end
local function head(key)
  local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  return first[2] and math.floor(tonumber(first[2])) or nil
end
local function text(number) return number and string.format('%.0f', number) or '' end
local function answer(reply)
  local watched = tonumber(meta[5] or '0') - now
  if watched > 0 then reply[#reply + 1] = text(watched) end
  return reply
end

-- 'paused' alone was written by a program of layout 1, or stays behind for such programs where features were used.
if meta[2] or (meta[3] and not meta[4]) then
  return answer({ stamp, '', 1, 0, '', text(head(KEYS[7])), 0, {}, {}, {}, {} })
end

local promoted = 0
for i = 5, 6 do
  local due = redis.call('ZRANGE', KEYS[i], '-inf', '(' .. string.format('%.0f', now + 1), 'BYSCORE', 'LIMIT', 0, 128,
    'WITHSCORES')
  if #due > 0 then
    local ids, ready, priority = {}, {}, {}
    for j = 1, #due, 2 do
      local id = due[j]
      local level = math.floor((tonumber(due[j + 1]) % 1) * 100 + 0.5)
      ids[#ids + 1] = id
      if level > 0 then
        priority[#priority + 1] = level
        priority[#priority + 1] = id
      else
        ready[#ready + 1] = id
      end
    end
    promoted = promoted + #ids
    redis.call('ZREM', KEYS[i], unpack(ids))
    if #ready > 0 then redis.call('RPUSH', KEYS[3], unpack(ready)) end
    if #priority > 0 then place_arrivals(KEYS[10], KEYS[4], priority) end
  end
end

local limit = tonumber(ARGV[1])
local popped = {}
local high = redis.call('ZPOPMIN', KEYS[4], limit)
for i = 1, #high, 2 do popped[#popped + 1] = high[i] end
if #popped < limit then
  local low = redis.call('LPOP', KEYS[3], limit - #popped)
  if low then
    if #popped == 0 then
      popped = low
    else
      for i = 1, #low do popped[#popped + 1] = low[i] end
    end
  end
end

local ids, messages, runs, vanished, lease = popped, {}, {}, {}, ''
if #popped > 0 then
  messages = redis.call('HMGET', KEYS[1], unpack(popped))
  runs = redis.call('HMGET', KEYS[2], unpack(popped))
  local complete = true
  for i = 1, #popped do
    if not messages[i] then complete = false end
  end
  if not complete then
    local kept_ids, kept_messages, kept_runs = {}, {}, {}
    for i = 1, #popped do
      if messages[i] then
        local n = #kept_ids + 1
        kept_ids[n], kept_messages[n], kept_runs[n] = popped[i], messages[i], runs[i]
      else
        vanished[#vanished + 1] = popped[i]
      end
    end
    ids, messages, runs = kept_ids, kept_messages, kept_runs
    redis.call('HDEL', KEYS[2], unpack(vanished))
    redis.call('HINCRBY', KEYS[10], 'removed', #vanished)
  end
end
if #ids > 0 then
  local token = micros
  local last = tonumber(meta[1] or '0')
  if token <= last then token = last + 1 end
  local token_text = string.format('%.0f', token)
  lease = token_text .. '-' .. ARGV[3] .. ':' .. ARGV[4]
  local expiry = string.format('%.0f', now + tonumber(ARGV[2]))
  local active, leases, locks = {}, {}, {}
  for i = 1, #ids do
    local id = ids[i]
    active[2 * i - 1] = expiry
    active[2 * i] = id
    leases[2 * i - 1] = id
    leases[2 * i] = lease
    -- Flags (byte 15 of a stored message): 1 has a lock, 2 which is held until the job starts.
    if (string.byte(messages[i], 15) or 0) % 4 == 3 then
      locks[#locks + 1] = string.sub(messages[i], 17, 32)
      locks[#locks + 1] = id
    end
  end
  redis.call('ZADD', KEYS[7], unpack(active))
  redis.call('HSET', KEYS[8], unpack(leases))
  redis.call('HSET', KEYS[10], 'token', token_text)
  for i = 1, #locks, 2 do lock_release(KEYS[9], locks[i], locks[i + 1]) end
end

local more = redis.call('LLEN', KEYS[3]) > 0 or redis.call('ZCARD', KEYS[4]) > 0
local due = nil
if more then
  -- Pass the wake-up on: one worker was woken, and there is work for another.
  if redis.call('LLEN', KEYS[11]) == 0 then redis.call('RPUSH', KEYS[11], '1') end
else
  local scheduled, retrying = head(KEYS[5]), head(KEYS[6])
  due = scheduled and retrying and math.min(scheduled, retrying) or scheduled or retrying
  -- Nothing is ready and nothing will be by itself: a wake-up that is still there is of no use.
  if not due then redis.call('DEL', KEYS[11]) end
end
return answer({
  stamp, lease, 0, more and 1 or 0, text(due), text(head(KEYS[7])), promoted, vanished, ids, messages, runs,
})
