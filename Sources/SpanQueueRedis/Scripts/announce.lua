#!lua flags=allow-oom
-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: the SpanQueue authors
--
-- Makes a worker known for a while, or forgets it; and forgets those that have lapsed. Notes that the clock runs evenly, for those who
-- have not watched it.
--
-- KEYS  1 workers  2 worker:<id>  3 clock
-- ARGV  1 id   2 for how long (ms), 0 to forget it
--       3 where the worker expects the clock (ms), 0 where it has not watched it for long enough
--       4 for how long it has seen it run evenly (ms)   then name, value, ... of what is known of it
-- reply now

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stamp = string.format('%.0f', now)
if ARGV[2] == '0' then
  redis.call('DEL', KEYS[2])
  redis.call('ZREM', KEYS[1], ARGV[1])
  return stamp
end
local lapsed = redis.call('ZRANGE', KEYS[1], '-inf', stamp, 'BYSCORE', 'LIMIT', 0, 100)
if #lapsed > 0 then redis.call('ZREM', KEYS[1], unpack(lapsed)) end
local fields = {}
for i = 5, #ARGV do fields[i - 4] = ARGV[i] end
redis.call('HSET', KEYS[2], unpack(fields))
redis.call('PEXPIRE', KEYS[2], ARGV[2])
redis.call('ZADD', KEYS[1], string.format('%.0f', now + tonumber(ARGV[2])), ARGV[1])

-- Half a second ahead is a step of the clock; behind, a call may have been on its way for two.
local expected = tonumber(ARGV[3])
if expected > 0 and now - expected <= 500 and expected - now <= 2000 then
  local since = now - tonumber(ARGV[4])
  local kept = redis.call('HMGET', KEYS[3], 'at', 'since')
  local at = tonumber(kept[1] or '')
  -- Where another has watched it into the time of this one, it has been even since that one began.
  if at and kept[2] and at >= since and at <= now then since = math.min(since, tonumber(kept[2])) end
  redis.call('HSET', KEYS[3], 'at', stamp, 'since', string.format('%.0f', since))
end
return stamp
