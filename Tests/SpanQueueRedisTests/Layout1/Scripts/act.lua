#!lua flags=allow-oom
-- Does to one job what a person asked for.
--
-- KEYS  1 jobs  2 runs  3 scheduled  4 retrying  5 active  6 priority  7 dead  8 cancelled  9 retained  10 completed
--       11 leases  12 cancelling  13 ready  14 unique  15 meta  16 wake
-- ARGV  1 'cancel', 'redrive', 'bury' or 'remove'   2 id   3 a reason
-- reply {'done', state or ''}, {'requested', ''}, {'missing', ''}, {'state', state}, {'duplicate', owner}
-- moves scheduled, ready, retrying -> cancelled, dead, ready;  dead -> ready;  any but active -> gone

local action, id, reason = ARGV[1], ARGV[2], ARGV[3]
local message = redis.call('HGET', KEYS[1], id)
if not message then return { 'missing', '' } end
local run = redis.call('HGET', KEYS[2], id) or '\1\0\0\0'
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stamp = string.format('%.0f', now)

local state, set = nil, nil
local sorted = { [3] = 'scheduled', [4] = 'retrying', [5] = 'active', [6] = 'ready', [7] = 'dead', [8] = 'cancelled',
  [9] = 'completed' }
for k = 3, 9 do
  if not state and redis.call('ZSCORE', KEYS[k], id) then state, set = sorted[k], k end
end
if not state then
  if redis.call('LPOS', KEYS[10], id) then state = 'completed' else state = 'ready' end
end

local flags = string.byte(message, 15) or 0
local level = (string.byte(message, 16) or 48) - 48
local digest = flags % 2 == 1 and flags % 8 < 4 and string.sub(message, 17, 32) or nil
local function leave()
  if set then
    redis.call('ZREM', KEYS[set], id)
  elseif state == 'completed' then
    redis.call('LREM', KEYS[10], 1, id)
  else
    redis.call('LREM', KEYS[13], 1, id)
  end
end
local function unlock()
  if digest and redis.call('HGET', KEYS[14], digest) == '0:' .. id then redis.call('HDEL', KEYS[14], digest) end
end
local function note(tag, body, header)
  local length = #body
  redis.call('HSET', KEYS[2], id, (header or string.sub(run, 1, 4)) .. string.sub(run, 5) .. tag
    .. string.char(math.floor(length / 65536), math.floor(length / 256) % 256, length % 256) .. body)
end
local waiting = state == 'scheduled' or state == 'ready' or state == 'retrying'

if action == 'cancel' then
  if state == 'active' then
    redis.call('HSET', KEYS[12], id, reason)
    return { 'requested', '' }
  elseif state == 'cancelled' then
    return { 'done', state }
  elseif not waiting then
    return { 'state', state }
  end
  leave()
  unlock()
  redis.call('ZADD', KEYS[8], stamp, id)
  redis.call('HINCRBY', KEYS[15], 'cancelled', 1)
  note('C', stamp .. reason)
  return { 'done', 'cancelled' }
elseif action == 'bury' then
  if state == 'dead' then return { 'done', state } end
  if not waiting then return { 'state', state } end
  leave()
  unlock()
  redis.call('ZADD', KEYS[7], stamp, id)
  redis.call('HINCRBY', KEYS[15], 'dead', 1)
  note('B', stamp .. reason)
  return { 'done', 'dead' }
elseif action == 'remove' then
  if state == 'active' then return { 'state', state } end
  leave()
  unlock()
  redis.call('HDEL', KEYS[1], id)
  redis.call('HDEL', KEYS[2], id)
  redis.call('HINCRBY', KEYS[15], 'removed', 1)
  return { 'done', '' }
elseif action == 'redrive' then
  if state == 'ready' then return { 'done', state } end
  if state ~= 'dead' and not waiting then return { 'state', state } end
  if state == 'dead' and digest then
    local held = redis.call('HGET', KEYS[14], digest)
    if held then
      local colon = string.find(held, ':', 1, true)
      local expiry = tonumber(string.sub(held, 1, colon - 1))
      local owner = string.sub(held, colon + 1)
      if owner ~= id and (expiry == 0 or expiry > now) then return { 'duplicate', owner } end
    end
    redis.call('HSET', KEYS[14], digest, '0:' .. id)
  end
  leave()
  if level >= 1 and level <= 9 then
    local sequence = redis.call('HINCRBY', KEYS[15], 'sequence', 1)
    redis.call('ZADD', KEYS[6], string.format('%.0f', (9 - level) * 562949953421312 + 281474976710656 + sequence), id)
  else
    redis.call('RPUSH', KEYS[13], id)
  end
  note('V', stamp, state == 'dead' and '\1\0\0\0' or nil)
  if redis.call('LLEN', KEYS[16]) == 0 then redis.call('RPUSH', KEYS[16], '1') end
  return { 'done', 'ready' }
end
return redis.error_reply('ACTION unknown')
