#!lua flags=allow-oom
-- Takes back jobs of one queue whose lease has run out.
--
-- KEYS  1 jobs  2 runs  3 ready  4 priority  5 active  6 leases  7 dead  8 cancelled  9 unique  10 meta  11 wake
--       12 cancelling
-- ARGV  1 the most jobs to take back, at most 100   2 the number of reclaims at which a job is buried
-- reply {now, id, fate, lease, message, run, ...}
--         fate 'r' ready again, 'd' dead, 'c' cancelled, 'v' it had no record and is gone (message and run are then nil)
-- moves active -> ready, dead, cancelled

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stamp = string.format('%.0f', now)
local ids = redis.call('ZRANGE', KEYS[5], '-inf', stamp, 'BYSCORE', 'LIMIT', 0, tonumber(ARGV[1]))
local reply = { stamp }
if #ids == 0 then return reply end

local leases = redis.call('HMGET', KEYS[6], unpack(ids))
local messages = redis.call('HMGET', KEYS[1], unpack(ids))
local runs = redis.call('HMGET', KEYS[2], unpack(ids))
local cancelling = redis.call('HMGET', KEYS[12], unpack(ids))
local limit = tonumber(ARGV[2])

local ready, priority, dead, cancelled, gone, stored, locks = {}, {}, {}, {}, {}, {}, {}
local function add(tag, run, body)
  return run .. tag .. string.char(math.floor(#body / 65536), math.floor(#body / 256) % 256, #body % 256) .. body
end
for i = #ids, 1, -1 do
  local id, message = ids[i], messages[i]
  local lease = leases[i] or ''
  local fate, run = 'v', false
  if not message then
    gone[#gone + 1] = id
  else
    -- A record of runs: version, attempts in two bytes, reclaims in one, then what happened.
    local old = runs[i]
    if not old or #old < 4 then old = '\1\0\0\0' end
    local reclaims = math.min(string.byte(old, 4) + 1, 255)
    local level = (string.byte(message, 16) or 48) - 48
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
      if level >= 1 and level <= 9 then
        priority[#priority + 1] = level
        priority[#priority + 1] = id
      else
        ready[#ready + 1] = id
      end
    end
    run = add('L', string.sub(old, 1, 3) .. string.char(reclaims) .. string.sub(old, 5), fate .. stamp .. lease)
    if cancelling[i] then run = add('C', run, stamp .. cancelling[i]) end
    stored[#stored + 1] = id
    stored[#stored + 1] = run
    local flags = string.byte(message, 15) or 0
    if fate ~= 'r' and flags % 2 == 1 and flags % 8 < 4 then
      locks[#locks + 1] = string.sub(message, 17, 32)
      locks[#locks + 1] = id
    end
  end
  local n = #reply
  reply[n + 1], reply[n + 2], reply[n + 3], reply[n + 4], reply[n + 5] = id, fate, lease, message, run
end

redis.call('ZREM', KEYS[5], unpack(ids))
redis.call('HDEL', KEYS[6], unpack(ids))
redis.call('HDEL', KEYS[12], unpack(ids))
if #stored > 0 then redis.call('HSET', KEYS[2], unpack(stored)) end
if #gone > 0 then
  redis.call('HDEL', KEYS[2], unpack(gone))
  redis.call('HINCRBY', KEYS[10], 'removed', #gone)
end
if #dead > 0 then
  redis.call('ZADD', KEYS[7], unpack(dead))
  redis.call('HINCRBY', KEYS[10], 'dead', #dead / 2)
end
if #cancelled > 0 then
  redis.call('ZADD', KEYS[8], unpack(cancelled))
  redis.call('HINCRBY', KEYS[10], 'cancelled', #cancelled / 2)
end
for i = 1, #locks, 2 do
  if redis.call('HGET', KEYS[9], locks[i]) == '0:' .. locks[i + 1] then redis.call('HDEL', KEYS[9], locks[i]) end
end
-- The ids were gone through from the latest lapse to the earliest, so the earliest ends up in front.
if #ready > 0 then redis.call('LPUSH', KEYS[3], unpack(ready)) end
if #priority > 0 then
  local sequence = redis.call('HINCRBY', KEYS[10], 'returned', #priority / 2) - #priority / 2
  for i = 1, #priority, 2 do
    sequence = sequence + 1
    priority[i] = string.format('%.0f', (9 - priority[i]) * 562949953421312 + 281474976710656 - sequence)
  end
  redis.call('ZADD', KEYS[4], unpack(priority))
end
if (#ready > 0 or #priority > 0) and redis.call('LLEN', KEYS[11]) == 0 then redis.call('RPUSH', KEYS[11], '1') end
return reply
