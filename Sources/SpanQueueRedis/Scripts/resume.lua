#!lua flags=allow-oom
-- Lets claims of one queue go on, and wakes one worker whatever there is: idle workers of a paused queue know nothing of what
-- is due in it.
--
-- KEYS  1 meta  2 wake
-- reply 1

redis.call('HDEL', KEYS[1], 'paused')
if redis.call('LLEN', KEYS[2]) == 0 then redis.call('RPUSH', KEYS[2], '1') end
return 1
