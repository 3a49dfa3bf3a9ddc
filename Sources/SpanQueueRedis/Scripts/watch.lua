#!lua flags=allow-oom
-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: the SpanQueue authors
--
-- Says that somebody watches one queue.
--
-- KEYS  1 meta
-- ARGV  1 for how long (ms)
-- reply 1, or 0 for a queue that has never had a job: then nothing was done
--
-- Claims read it, and from then on their engines publish what becomes of jobs.

if redis.call('HEXISTS', KEYS[1], 'enqueued') == 0 then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], 'watch', string.format('%.0f', now + tonumber(ARGV[1])))
return 1
