#!lua flags=allow-oom
-- Forgets a queue that has no jobs: its totals, its locks, its pause, its wake-ups.
--
-- KEYS  1 jobs  2 meta  3... the other keys of the queue
-- reply 1 gone, 0 it has jobs or uses features, and everything is as it was

if redis.call('HLEN', KEYS[1]) > 0 then return 0 end
if tonumber(redis.call('HGET', KEYS[2], 'uses') or '0') ~= 0 then return 0 end
redis.call('DEL', unpack(KEYS))
return 1
