#!lua flags=allow-oom
-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: the SpanQueue authors
--
-- Repairs one violation that an audit found, if nothing has changed since: `spanq audit --repair`.
--
-- KEYS  1 jobs  2 runs  3 ready  4 priority  5 scheduled  6 retrying  7 active  8 leases  9 cancelling  10 completed
--       11 retained  12 dead  13 cancelled  14 unique  15 unique-expiry  16 meta  17 wake  18 fence  19 errors  20 history
-- ARGV  1 the rule that was broken   2 id
--       3 the first 13 bytes of its message and 4 its run, as the audit saw them, '' where there was none
--       5 for a lock its digest, and 6 its value;  for a lease or a token 6 what the audit saw
-- reply 1 repaired, 0 it is no longer so, or can't be repaired; or an error  'USES <bits>': nothing was done
-- moves a job in no set -> dead;  one in several -> the first of active, ready, priority, retrying, scheduled, dead,
--       cancelled, retained, completed
--
-- A job whose message and run are the ones that the audit saw has not been settled, reclaimed or acted on since. So what the
-- audit learnt by walking the lists still holds, and need not be looked for again.

-- include run
-- include lock
-- include uses

local rule, id, seen_stamp, seen_run, digest, seen = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local refusal = uses_refusal(redis.call('HGET', KEYS[16], 'uses'))
if refusal then return refusal end
local time = redis.call('TIME')
local micros = time[1] * 1000000 + time[2]
local stamp = string.format('%.0f', math.floor(micros / 1000))
local message = redis.call('HGET', KEYS[1], id)
local run = redis.call('HGET', KEYS[2], id)
local unchanged = string.sub(message or '', 1, 13) == seen_stamp and (run or '') == seen_run
local order = { 7, 3, 4, 6, 5, 12, 13, 11, 10 }

local function is_list(k) return k == 3 or k == 10 end
local function is_in(k)
  if is_list(k) then return redis.call('LPOS', KEYS[k], id) end
  return redis.call('ZSCORE', KEYS[k], id)
end
local function note(reason)
  redis.call('HSET', KEYS[2], id, run_with(run or run_empty, 'B', stamp .. reason))
end

if rule == 'set-without-message' then
  if message then return 0 end
  local removed = 0
  for _, k in ipairs(order) do
    if is_list(k) then
      removed = removed + redis.call('LREM', KEYS[k], 0, id)
    else
      removed = removed + redis.call('ZREM', KEYS[k], id)
    end
  end
  redis.call('HDEL', KEYS[2], id)
  redis.call('HDEL', KEYS[8], id)
  redis.call('HDEL', KEYS[9], id)
  return removed > 0 and 1 or 0
elseif rule == 'message-without-set' then
  if not message or not unchanged then return 0 end
  for _, k in ipairs(order) do
    if not is_list(k) and is_in(k) then return 0 end
  end
  local lock = lock_digest(message)
  if lock then lock_release(KEYS[14], lock, id) end
  redis.call('ZADD', KEYS[12], stamp, id)
  redis.call('HINCRBY', KEYS[16], 'dead', 1)
  note('found_by_audit')
  return 1
elseif rule == 'one-set' then
  if not message then return 0 end
  local kept, removed = false, 0
  for _, k in ipairs(order) do
    if is_in(k) then
      if kept then
        removed = removed + (is_list(k) and redis.call('LREM', KEYS[k], 0, id) or redis.call('ZREM', KEYS[k], id))
      elseif is_list(k) then
        kept = true
        local copies = #redis.call('LPOS', KEYS[k], id, 'COUNT', 0)
        if copies > 1 then removed = removed + redis.call('LREM', KEYS[k], 1 - copies, id) end
      else
        kept = true
      end
    end
  end
  return removed > 0 and 1 or 0
elseif rule == 'twice-in-ready' then
  local copies = #redis.call('LPOS', KEYS[3], id, 'COUNT', 0)
  if copies < 2 then return 0 end
  -- The one nearest to the head stays: the job keeps its turn.
  redis.call('LREM', KEYS[3], 1 - copies, id)
  return 1
elseif rule == 'active-without-lease' then
  if not message or not is_in(7) or (redis.call('HGET', KEYS[8], id) or '') ~= seen then return 0 end
  -- A lease of nobody that runs out now: the next reclaim takes the job back, and its record tells of it.
  local token = math.max(micros, (tonumber(redis.call('HGET', KEYS[16], 'token') or '') or 0) + 1)
  local text = string.format('%.0f', token)
  redis.call('HSET', KEYS[16], 'token', text)
  redis.call('HSET', KEYS[8], id, text .. '-0:audit')
  redis.call('ZADD', KEYS[7], stamp, id)
  return 1
elseif rule == 'lease-without-active' then
  if is_in(7) then return 0 end
  return redis.call('HDEL', KEYS[8], id)
elseif rule == 'orphan-cancelling' then
  if is_in(7) then return 0 end
  return redis.call('HDEL', KEYS[9], id)
elseif rule == 'orphan-run' then
  if message then return 0 end
  return redis.call('HDEL', KEYS[2], id)
elseif rule == 'dead-without-reason' then
  if not message or not unchanged or not is_in(12) then return 0 end
  note('unknown_found_by_audit')
  return 1
elseif rule == 'token-ahead' then
  local last = tonumber(redis.call('HGET', KEYS[16], 'token') or '') or 0
  if last >= tonumber(seen) then return 0 end
  redis.call('HSET', KEYS[16], 'token', seen)
  return 1
elseif rule == 'lock-missing' then
  local lock = message and lock_digest(message)
  if not unchanged or not lock or (string.byte(message, 15) % 4 == 3 and is_in(7)) then return 0 end
  for _, k in ipairs({ 11, 12, 13 }) do
    if is_in(k) then return 0 end
  end
  local value = redis.call('HGET', KEYS[14], lock)
  if value == '0:' .. id then return 0 end
  if value and lock_parts(value) and lock_holder(KEYS[1], value, tonumber(stamp)) then return 0 end
  redis.call('HSET', KEYS[14], lock, '0:' .. id)
  return 1
elseif rule == 'lock-without-owner' or rule == 'unreadable-lock' then
  if not unchanged or redis.call('HGET', KEYS[14], digest) ~= seen then return 0 end
  return redis.call('HDEL', KEYS[14], digest)
elseif rule == 'lock-without-expiry' then
  if redis.call('HGET', KEYS[14], digest) ~= seen or redis.call('ZSCORE', KEYS[15], digest) then return 0 end
  redis.call('ZADD', KEYS[15], string.match(seen, '^%d+'), digest)
  return 1
elseif rule == 'totals' then
  -- Counters only rise, so that what is derived from them never falls.
  local sum = 0
  for _, k in ipairs(order) do sum = sum + redis.call(is_list(k) and 'LLEN' or 'ZCARD', KEYS[k]) end
  if sum ~= redis.call('HLEN', KEYS[1]) - redis.call('HEXISTS', KEYS[1], '@') then return 0 end
  local names = { 'enqueued', 'removed', 'completed', 'dead', 'cancelled' }
  local values = redis.call('HMGET', KEYS[16], unpack(names))
  local total, repaired = {}, 0
  for i = 1, #names do total[names[i]] = tonumber(values[i] or '0') or 0 end
  local function raise(name, least)
    if total[name] >= least and tonumber(redis.call('HGET', KEYS[16], name) or '0') then return end
    redis.call('HSET', KEYS[16], name, string.format('%.0f', math.max(least, total[name])))
    repaired = 1
  end
  raise('removed', total.enqueued - sum)
  raise('enqueued', sum + math.max(total.removed, total.enqueued - sum))
  raise('completed', redis.call('LLEN', KEYS[10]) + redis.call('ZCARD', KEYS[11]))
  raise('dead', redis.call('ZCARD', KEYS[12]))
  raise('cancelled', redis.call('ZCARD', KEYS[13]))
  return repaired
end
return redis.error_reply('RULE unknown')
