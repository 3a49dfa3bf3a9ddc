#!lua flags=allow-oom
-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: the SpanQueue authors
--
-- Wakes one idle worker of a queue if there is something to claim: called where a wake-up may have been swallowed.
--
-- KEYS  1 ready  2 priority  3 wake
-- reply 1 woken, 0 nothing to do

if redis.call('LLEN', KEYS[1]) == 0 and redis.call('ZCARD', KEYS[2]) == 0 then return 0 end
if redis.call('LLEN', KEYS[3]) == 0 then redis.call('RPUSH', KEYS[3], '1') end
return 1
