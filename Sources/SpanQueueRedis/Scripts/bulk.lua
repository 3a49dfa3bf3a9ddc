#!lua flags=allow-oom
-- Removes or redrives jobs of one queue in one state, oldest first, a bounded number a call.
--
-- KEYS  1 jobs  2 runs  3 the sorted set of the state  4 the list of the state, or the sorted set again  5 ready  6 priority
--       7 unique  8 meta  9 wake
-- ARGV  1 'remove' or 'redrive'   2 the most jobs, at most 100   3 '' or the latest score   4 how many to pass over
-- reply {done, skipped}
-- moves dead -> ready;  any but active -> gone

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
local messages = redis.call('HMGET', KEYS[1], unpack(ids))

local function lock(i)
  local flags = messages[i] and string.byte(messages[i], 15) or 0
  return flags % 2 == 1 and flags % 8 < 4 and string.sub(messages[i], 17, 32) or nil
end

if ARGV[1] == 'remove' then
  if #ids > sorted then redis.call('LPOP', KEYS[4], #ids - sorted) end
  if sorted > 0 then redis.call('ZREM', KEYS[3], unpack(ids, 1, sorted)) end
  for i = 1, #ids do
    local digest = lock(i)
    if digest and redis.call('HGET', KEYS[7], digest) == '0:' .. ids[i] then redis.call('HDEL', KEYS[7], digest) end
  end
  redis.call('HDEL', KEYS[1], unpack(ids))
  redis.call('HDEL', KEYS[2], unpack(ids))
  redis.call('HINCRBY', KEYS[8], 'removed', #ids)
  return { #ids, 0 }
end

local runs = redis.call('HMGET', KEYS[2], unpack(ids))
local moved, ready, priority, stored, skipped = {}, {}, {}, {}, 0
for i = 1, sorted do
  local id, digest, free = ids[i], lock(i), messages[i] and true or false
  if digest then
    local held = redis.call('HGET', KEYS[7], digest)
    if held then
      local colon = string.find(held, ':', 1, true)
      local expiry = tonumber(string.sub(held, 1, colon - 1))
      if string.sub(held, colon + 1) ~= id and (expiry == 0 or expiry > now) then free = false end
    end
    if free then redis.call('HSET', KEYS[7], digest, '0:' .. id) end
  end
  if free then
    moved[#moved + 1] = id
    local level = (string.byte(messages[i], 16) or 48) - 48
    if level >= 1 and level <= 9 then
      priority[#priority + 1] = level
      priority[#priority + 1] = id
    else
      ready[#ready + 1] = id
    end
    local run = runs[i] or '\1\0\0\0'
    stored[#stored + 1] = id
    stored[#stored + 1] = '\1\0\0\0' .. string.sub(run, 5) .. 'V' .. string.char(0, 0, #stamp) .. stamp
  else
    skipped = skipped + 1
  end
end
if #moved == 0 then return { 0, skipped } end
redis.call('ZREM', KEYS[3], unpack(moved))
redis.call('HSET', KEYS[2], unpack(stored))
if #ready > 0 then redis.call('RPUSH', KEYS[5], unpack(ready)) end
if #priority > 0 then
  local sequence = redis.call('HINCRBY', KEYS[8], 'sequence', #priority / 2) - #priority / 2
  for i = 1, #priority, 2 do
    sequence = sequence + 1
    priority[i] = string.format('%.0f', (9 - priority[i]) * 562949953421312 + 281474976710656 + sequence)
  end
  redis.call('ZADD', KEYS[6], unpack(priority))
end
if redis.call('LLEN', KEYS[9]) == 0 then redis.call('RPUSH', KEYS[9], '1') end
return { #moved, skipped }
