#!lua flags=allow-oom
-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: the SpanQueue authors
--
-- Moves the first jobs of a list into the sorted set in front of it, in their order, a bounded number a call: what stands deep in a
-- list can't be taken out of it in a short time, and out of a sorted set it can.
--
-- KEYS  1 the list   2 the set   3 runs   4 meta
-- ARGV  1 'ready' or 'completed'   2 the most jobs, at most 250   3 an id, or ''
--       4 for completed jobs: the standard retention (ms), with which they are scored
-- reply {how many are left in the list, 1 if the id was among those that were moved, how many were moved}
--       or an error  'USES <bits>': nothing was done
--
-- Ready jobs stand behind all others of level 0 then, and before those that are left in the list: they are claimed in the same order
-- as without it.

-- include place
-- include uses

local refusal = uses_refusal(redis.call('HGET', KEYS[4], 'uses'))
if refusal then return refusal end
local ids = redis.call('LPOP', KEYS[1], ARGV[2]) or {}
local met, list = 0, {}
if #ids > 0 then
  local runs = ARGV[1] == 'completed' and redis.call('HMGET', KEYS[3], unpack(ids)) or {}
  for i = 1, #ids do
    if ids[i] == ARGV[3] then met = 1 end
    list[2 * i - 1] = 0
    list[2 * i] = ids[i]
    if ARGV[1] == 'completed' then
      -- The last 13 bytes of the run of a completed job are the time of its completion.
      local ended = tonumber(string.sub(runs[i] or '', -13)) or 0
      list[2 * i - 1] = string.format('%.0f', ended + tonumber(ARGV[4]))
    end
  end
  if ARGV[1] == 'completed' then redis.call('ZADD', KEYS[2], unpack(list)) else place_arrivals(KEYS[4], KEYS[2], list) end
end
return { redis.call('LLEN', KEYS[1]), met, #ids }
