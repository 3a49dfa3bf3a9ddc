#!lua flags=allow-oom
-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: the SpanQueue authors
--
-- Deletes an empty queue: its totals, its pause, its locks.
--
-- KEYS  all of the queue, in the order of RedisKeys.all: 1 jobs ... 16 meta ...
-- reply 1 deleted, 0 there is no such queue, or an error  'STATE <jobs>': it has jobs;  'USES <bits>': it uses features;
--       'DOOR <door>': it has a door. Then nothing was done.

-- include uses

local door = redis.call('HGET', KEYS[1], '@')
if door then return redis.error_reply('DOOR ' .. door) end
local refusal = uses_refusal(redis.call('HGET', KEYS[16], 'uses'))
if refusal then return refusal end
local jobs = redis.call('HLEN', KEYS[1])
if jobs > 0 then return redis.error_reply(string.format('STATE %.0f', jobs)) end
return redis.call('UNLINK', unpack(KEYS)) > 0 and 1 or 0
