#!lua flags=allow-oom
-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: the SpanQueue authors
--
-- Extends the leases of a worker's jobs in one queue: the heartbeat.
--
-- KEYS  1 active  2 leases  3 cancelling
-- ARGV  1 lease (ms), then per job  id, lease
-- reply {lost indices, indices of jobs to be cancelled}
--
-- A lease that has run out but was not reclaimed is extended: the job is still this worker's.
-- At most 250 jobs a call.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local expiry = string.format('%.0f', now + tonumber(ARGV[1]))
local ids = {}
for at = 2, #ARGV, 2 do ids[#ids + 1] = ARGV[at] end
if #ids == 0 then return { {}, {} } end

local held = redis.call('HMGET', KEYS[2], unpack(ids))
local lost, cancel, active = {}, {}, {}
for i = 1, #ids do
  if held[i] == ARGV[2 * i + 1] then
    active[#active + 1] = expiry
    active[#active + 1] = ids[i]
  else
    lost[#lost + 1] = i
  end
end
if #active > 0 then redis.call('ZADD', KEYS[1], 'XX', unpack(active)) end
if redis.call('HLEN', KEYS[3]) > 0 then
  local asked = redis.call('HMGET', KEYS[3], unpack(ids))
  for i = 1, #ids do
    if asked[i] and held[i] == ARGV[2 * i + 1] then cancel[#cancel + 1] = i end
  end
end
return { lost, cancel }
