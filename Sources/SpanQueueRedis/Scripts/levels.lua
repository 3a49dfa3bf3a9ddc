#!lua flags=no-writes
-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: the SpanQueue authors
--
-- Counts the ready jobs of one queue by their priority.
--
-- KEYS  1 ready  2 priority
-- reply {jobs of level 0, ..., jobs of level 9}

local reply = { redis.call('LLEN', KEYS[1]), 0, 0, 0, 0, 0, 0, 0, 0, 0 }
if redis.call('ZCARD', KEYS[2]) > 0 then
  for level = 0, 9 do
    local low = (9 - level) * 562949953421312
    local high = string.format('(%.0f', low + 562949953421312)
    reply[level + 1] = reply[level + 1] + redis.call('ZCOUNT', KEYS[2], string.format('%.0f', low), high)
  end
end
return reply
