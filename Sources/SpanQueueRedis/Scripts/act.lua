#!lua flags=allow-oom
-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: the SpanQueue authors
--
-- Does to one job what a person asked for.
--
-- KEYS  1 jobs  2 runs  3 scheduled  4 retrying  5 active  6 priority  7 dead  8 cancelled  9 retained  10 completed
--       11 leases  12 cancelling  13 ready  14 unique  15 meta  16 wake
-- ARGV  1 'cancel', 'redrive', 'bury' or 'remove'   2 id   3 a reason, and where known a NUL and who asked for it
--       4 the state in which it must be, '' for any   5 the most entries to read from each end of a list to find it there
-- reply {'done', state or ''}, {'requested', ''}, {'missing', ''}, {'state', state}, {'duplicate', owner}
--       {'deep', state}: it stands too deep in the list of its state, and nothing was done: see lift.lua
--       or an error  'USES <bits>': nothing was done
-- moves scheduled, ready, retrying -> cancelled, dead, ready;  dead -> ready;  any but active -> gone

-- include place
-- include run
-- include lock
-- include uses

local action, id, reason = ARGV[1], ARGV[2], ARGV[3]
local message = redis.call('HGET', KEYS[1], id)
if not message then return { 'missing', '' } end
local refusal = uses_refusal(redis.call('HGET', KEYS[15], 'uses'))
if refusal then return refusal end
local run = redis.call('HGET', KEYS[2], id) or run_empty
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stamp = string.format('%.0f', now)

local state, set = nil, nil
local sorted = { [3] = 'scheduled', [4] = 'retrying', [5] = 'active', [6] = 'ready', [7] = 'dead', [8] = 'cancelled',
  [9] = 'completed' }
for k = 3, 9 do
  if not state and redis.call('ZSCORE', KEYS[k], id) then state, set = sorted[k], k end
end
if not state then state = run_is_completed(run) and 'completed' or 'ready' end

-- One that is where it was to be has perhaps been brought there by this call before its answer was lost.
local aims = { cancel = 'cancelled', bury = 'dead', redrive = 'ready' }
if ARGV[4] ~= '' and state ~= ARGV[4] and state ~= aims[action] then return { 'state', state } end

local digest = lock_digest(message)
-- To remove it from a list, all entries before it are read: so only if it stands near one of the ends.
local list, side = state == 'completed' and KEYS[10] or KEYS[13], 1
local function is_deep()
  local near = tonumber(ARGV[5])
  if set or redis.call('LPOS', list, id, 'MAXLEN', near) then return false end
  side = -1
  return not redis.call('LPOS', list, id, 'RANK', -1, 'MAXLEN', near) and redis.call('LLEN', list) > 2 * near
end
local function leave()
  if set then
    redis.call('ZREM', KEYS[set], id)
  else
    redis.call('LREM', list, side, id)
  end
end
local function unlock()
  if digest then lock_release(KEYS[14], digest, id) end
end
local function note(tag, header)
  redis.call('HSET', KEYS[2], id, run_with((header or string.sub(run, 1, 4)) .. string.sub(run, 5), tag, stamp .. reason))
end
-- Neither running nor at its end.
local idle = state == 'scheduled' or state == 'ready' or state == 'retrying'

if action == 'cancel' then
  if state == 'active' then
    redis.call('HSET', KEYS[12], id, stamp .. reason)
    return { 'requested', '' }
  elseif state == 'cancelled' then
    return { 'done', state }
  elseif not idle then
    return { 'state', state }
  end
  if is_deep() then return { 'deep', state } end
  leave()
  unlock()
  redis.call('ZADD', KEYS[8], stamp, id)
  redis.call('HINCRBY', KEYS[15], 'cancelled', 1)
  note('C')
  return { 'done', 'cancelled' }
elseif action == 'bury' then
  if state == 'dead' then return { 'done', state } end
  if not idle then return { 'state', state } end
  if is_deep() then return { 'deep', state } end
  leave()
  unlock()
  redis.call('ZADD', KEYS[7], stamp, id)
  redis.call('HINCRBY', KEYS[15], 'dead', 1)
  note('B')
  return { 'done', 'dead' }
elseif action == 'remove' then
  if state == 'active' then return { 'state', state } end
  if is_deep() then return { 'deep', state } end
  leave()
  unlock()
  redis.call('HDEL', KEYS[1], id)
  redis.call('HDEL', KEYS[2], id)
  redis.call('HINCRBY', KEYS[15], 'removed', 1)
  return { 'done', '' }
elseif action == 'redrive' then
  if state == 'ready' then return { 'done', state } end
  if state ~= 'dead' and not idle then return { 'state', state } end
  if state == 'dead' and digest then
    local value = redis.call('HGET', KEYS[14], digest)
    local owner = value and lock_holder(KEYS[1], value, now)
    if owner and owner ~= id then return { 'duplicate', owner } end
    redis.call('HSET', KEYS[14], digest, '0:' .. id)
  end
  leave()
  local level = place_level(message)
  if level > 0 then place_arrivals(KEYS[15], KEYS[6], { level, id }) else redis.call('RPUSH', KEYS[13], id) end
  note('V', state == 'dead' and run_empty or nil)
  if redis.call('LLEN', KEYS[16]) == 0 then redis.call('RPUSH', KEYS[16], '1') end
  return { 'done', 'ready' }
end
return redis.error_reply('ACTION unknown')
