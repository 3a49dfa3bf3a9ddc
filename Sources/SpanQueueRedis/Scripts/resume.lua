#!lua flags=allow-oom
-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: the SpanQueue authors
--
-- Lets claims of one queue go on, and wakes one worker whatever there is: idle workers of a paused queue know nothing of what
-- is due in it.
--
-- KEYS  1 meta  2 wake
-- reply 1, or 0 for a queue that has never had a job: then nothing was done
--
-- Where a queue uses features 'paused' stays: it keeps workers of layout 1 out.

if redis.call('HEXISTS', KEYS[1], 'enqueued') == 0 then return 0 end
redis.call('HDEL', KEYS[1], 'pause')
if redis.call('HEXISTS', KEYS[1], 'uses') == 0 then redis.call('HDEL', KEYS[1], 'paused') end
if redis.call('LLEN', KEYS[2]) == 0 then redis.call('RPUSH', KEYS[2], '1') end
return 1
