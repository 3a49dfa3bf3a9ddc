#!lua flags=allow-oom
-- Forgets finished jobs of one queue whose retention is over, and locks that have run out, a bounded number a call.
--
-- KEYS  1 jobs  2 runs  3 completed  4 retained  5 cancelled  6 dead  7 unique  8 unique-expiry  9 meta
-- ARGV  1 standard retention (ms)   2 how many completed jobs are kept   3 retention of dead letters (ms), 0 for ever
-- reply the number of records and locks that were dropped
--
-- The last 13 bytes of the run of a completed job are the time of its completion.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stamp = string.format('%.0f', now)
local oldest = now - tonumber(ARGV[1])
local step = 100
local gone = {}

local over = redis.call('LLEN', KEYS[3]) - tonumber(ARGV[2])
local heads = redis.call('LRANGE', KEYS[3], 0, step - 1)
if #heads > 0 then
  local runs = redis.call('HMGET', KEYS[2], unpack(heads))
  local count = 0
  for i = 1, #heads do
    local ended = runs[i] and tonumber(string.sub(runs[i], -13)) or 0
    if i <= over or ended <= oldest then count = i else break end
  end
  if count > 0 then
    local popped = redis.call('LPOP', KEYS[3], count)
    for i = 1, #popped do gone[#gone + 1] = popped[i] end
  end
end
local function expire(key, before)
  local ids = redis.call('ZRANGE', key, '-inf', before, 'BYSCORE', 'LIMIT', 0, step)
  if #ids > 0 then redis.call('ZREM', key, unpack(ids)) end
  for i = 1, #ids do gone[#gone + 1] = ids[i] end
end
expire(KEYS[4], stamp)
expire(KEYS[5], string.format('%.0f', oldest))
if tonumber(ARGV[3]) > 0 then expire(KEYS[6], string.format('%.0f', now - tonumber(ARGV[3]))) end
for at = 1, #gone, 250 do
  local last = math.min(at + 249, #gone)
  redis.call('HDEL', KEYS[1], unpack(gone, at, last))
  redis.call('HDEL', KEYS[2], unpack(gone, at, last))
end
if #gone > 0 then redis.call('HINCRBY', KEYS[9], 'removed', #gone) end

local digests = redis.call('ZRANGE', KEYS[8], '-inf', stamp, 'BYSCORE', 'LIMIT', 0, step)
if #digests > 0 then
  local locks = redis.call('HMGET', KEYS[7], unpack(digests))
  local dropped = {}
  for i = 1, #digests do
    -- The lock may have been taken anew since, with another expiry or with none.
    local expiry = locks[i] and tonumber(string.match(locks[i], '^%d+')) or nil
    if expiry and expiry > 0 and expiry <= now then dropped[#dropped + 1] = digests[i] end
  end
  redis.call('ZREM', KEYS[8], unpack(digests))
  if #dropped > 0 then redis.call('HDEL', KEYS[7], unpack(dropped)) end
end
return #gone + #digests
