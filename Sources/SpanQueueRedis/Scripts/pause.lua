#!lua flags=allow-oom
-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: the SpanQueue authors
--
-- Stops claims from one queue; what is running goes on.
--
-- KEYS  1 meta
-- ARGV  1 why, and where known a NUL and who
-- reply 1, or 0 for a queue that has never had a job: then nothing was done
--
-- 'paused' is what workers of layout 1 look at.

if redis.call('HEXISTS', KEYS[1], 'enqueued') == 0 then return 0 end
local time = redis.call('TIME')
local stamp = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
redis.call('HSET', KEYS[1], 'pause', stamp .. ARGV[1], 'paused', '1')
return 1
