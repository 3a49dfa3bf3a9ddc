#!lua flags=no-writes
-- Counts the jobs of one queue, at a cost that does not grow with its depth.
--
-- KEYS  1 jobs  2 runs  3 scheduled  4 ready  5 priority  6 active  7 retrying  8 completed  9 retained  10 dead
--       11 cancelled  12 meta
-- reply {now, scheduled, ready, active, retrying, completed, dead, cancelled, paused, then the totals enqueued, completed,
--        dead, cancelled, removed, then up to two of: start of a message, run}
--       The last name the job at the head of the list and the first of the priority set: the oldest ready ones.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function cards(...)
  local sum = 0
  for _, i in ipairs({ ... }) do sum = sum + redis.call('ZCARD', KEYS[i]) end
  return sum
end
local meta = redis.call('HMGET', KEYS[12], 'paused', 'enqueued', 'completed', 'dead', 'cancelled', 'removed')
local reply = {
  string.format('%.0f', now), cards(3), redis.call('LLEN', KEYS[4]) + cards(5), cards(6), cards(7),
  redis.call('LLEN', KEYS[8]) + cards(9), cards(10), cards(11), meta[1] and 1 or 0,
  meta[2] or '0', meta[3] or '0', meta[4] or '0', meta[5] or '0', meta[6] or '0',
}
local heads = { redis.call('LINDEX', KEYS[4], 0), redis.call('ZRANGE', KEYS[5], 0, 0)[1] }
for i = 1, 2 do
  local id = heads[i]
  local message = id and redis.call('HGET', KEYS[1], id)
  if message then
    reply[#reply + 1] = string.sub(message, 1, 64)
    reply[#reply + 1] = redis.call('HGET', KEYS[2], id)
  end
end
return reply
