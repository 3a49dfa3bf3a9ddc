-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: the SpanQueue authors
--
-- The order of the set `priority`, which is served before the list `ready`.
--
-- It holds ready jobs of the levels 1 to 9, and those of every level that came back: released or reclaimed. Each level has 2^49
-- scores. Arrivals count up from the middle of their level, and jobs that come back count down from it, so that they are first.
--
-- Defines place_level(message), place_arrivals(meta, priority, list), place_returned(meta, priority, list).
-- list  level, id, level, id, ...  of at most 128 jobs in the order in which they are to be claimed

local function place_level(message)
  local level = (string.byte(message, 16) or 48) - 48
  return level >= 1 and level <= 9 and level or 0
end
local function place_add(priority, list, number, step)
  for i = 1, #list, 2 do
    list[i] = string.format('%.0f', (9 - list[i]) * 562949953421312 + 281474976710656 + number)
    number = number + step
  end
  redis.call('ZADD', priority, unpack(list))
end
local function place_arrivals(meta, priority, list)
  local count = #list / 2
  place_add(priority, list, redis.call('HINCRBY', meta, 'sequence', count) - count + 1, 1)
end
local function place_returned(meta, priority, list)
  place_add(priority, list, -redis.call('HINCRBY', meta, 'returned', #list / 2), 1)
end
