#!lua flags=no-writes
-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: the SpanQueue authors
--
-- Counts the jobs of one queue, and finds its oldest ready one, at a cost that does not grow with its depth.
--
-- KEYS  1 jobs  2 runs  3 scheduled  4 ready  5 priority  6 active  7 retrying  8 completed  9 retained  10 dead
--       11 cancelled  12 meta
-- reply {now, scheduled, ready, active, retrying, completed, dead, cancelled, paused, the pause as `meta` has it, then the totals enqueued, completed,
--        dead, cancelled, removed, then for each of up to 23 jobs: start of its message, last event of its run}
--       The last names the jobs of which one is the oldest: `ready` holds arrivals in their order, and each level of `priority`
--       arrivals upwards and returned jobs downwards from its middle, so the oldest of each kind is next to the middle. What is due
--       waits too, although no claim has promoted it yet: where no worker claims, it may be the oldest.

-- include run

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function cards(...)
  local sum = 0
  for _, i in ipairs({ ... }) do sum = sum + redis.call('ZCARD', KEYS[i]) end
  return sum
end
local meta = redis.call('HMGET', KEYS[12], 'enqueued', 'completed', 'dead', 'cancelled', 'removed', 'pause', 'paused', 'uses')
local prioritized = cards(5)
local reply = {
  string.format('%.0f', now), cards(3), redis.call('LLEN', KEYS[4]) + prioritized, cards(6), cards(7),
  redis.call('LLEN', KEYS[8]) + cards(9), cards(10), cards(11), (meta[6] or (meta[7] and not meta[8])) and 1 or 0,
  meta[6] or '',
  meta[1] or '0', meta[2] or '0', meta[3] or '0', meta[4] or '0', meta[5] or '0',
}
local ids = { redis.call('LINDEX', KEYS[4], 0) or nil }
if prioritized > 0 then
  for level = 0, 9 do
    local low = (9 - level) * 562949953421312
    local function nearest(...) ids[#ids + 1] = redis.call('ZRANGE', KEYS[5], ...)[1] end
    local middle = string.format('%.0f', low + 281474976710656)
    nearest(middle, string.format('(%.0f', low), 'BYSCORE', 'REV', 'LIMIT', 0, 1)
    nearest(middle, string.format('(%.0f', low + 562949953421312), 'BYSCORE', 'LIMIT', 0, 1)
  end
end
local due = '(' .. string.format('%.0f', now + 1)
for _, i in ipairs({ 3, 7 }) do
  ids[#ids + 1] = redis.call('ZRANGE', KEYS[i], '-inf', due, 'BYSCORE', 'LIMIT', 0, 1)[1]
end
if #ids > 0 then
  local messages = redis.call('HMGET', KEYS[1], unpack(ids))
  local runs = redis.call('HMGET', KEYS[2], unpack(ids))
  for i = 1, #ids do
    if messages[i] then
      reply[#reply + 1] = string.sub(messages[i], 1, 320)
      reply[#reply + 1] = run_tail(runs[i])
    end
  end
end
return reply
