#!lua flags=allow-oom
-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: the SpanQueue authors
--
-- Forgets jobs that are still what somebody has read of them: `spanq transfer`, once another store has them.
--
-- KEYS  all of the queue, in the order of RedisKeys.all: 1 jobs  2 runs  3 ready  4 priority  5 scheduled  6 retrying  7 active
--       ... 10 completed  11 retained  12 dead  13 cancelled  14 unique ... 16 meta ...
-- ARGV  1 what `pause` of meta must be
--       then per job, at most 100   id, state, the first 13 bytes of its message, run or ''
-- reply per job  'dropped', 'gone', 'changed'; or an error  'USES <bits>', 'PAUSE ...': nothing was done
-- moves any but active -> gone
--
-- What stands in a list is near to its head, as a transfer goes through the queue in order.

-- include run
-- include lock
-- include uses
-- include state

local meta = redis.call('HMGET', KEYS[16], 'pause', 'uses')
local refusal = uses_refusal(meta[2])
if refusal then return refusal end
if meta[1] ~= ARGV[1] then
  return redis.error_reply('PAUSE the queue is not paused as the transfer left it: somebody else has resumed or paused it')
end
local ids = {}
for at = 2, #ARGV, 4 do ids[#ids + 1] = ARGV[at] end
if #ids == 0 then return {} end
local messages = redis.call('HMGET', KEYS[1], unpack(ids))
local runs = redis.call('HMGET', KEYS[2], unpack(ids))
local sets = { KEYS[5], KEYS[6], KEYS[7], KEYS[4], KEYS[12], KEYS[13], KEYS[11] }
local states = states_of(ids, runs, sets, KEYS[16])
local places = {
  scheduled = { 5 }, retrying = { 6 }, ready = { 4, 3 }, completed = { 11, 10 }, dead = { 12 }, cancelled = { 13 },
}

local reply, dropped = {}, {}
for i, id in ipairs(ids) do
  local at = 4 * i - 2
  local place = places[states[i]]
  if not messages[i] then
    reply[i] = 'gone'
  elseif not place or states[i] ~= ARGV[at + 1] or string.sub(messages[i], 1, 13) ~= ARGV[at + 2]
    or (runs[i] or '') ~= ARGV[at + 3] then
    reply[i] = 'changed'
  else
    if redis.call('ZREM', KEYS[place[1]], id) == 0 and place[2] then redis.call('LREM', KEYS[place[2]], 1, id) end
    local digest = lock_digest(messages[i])
    if digest then lock_release(KEYS[14], digest, id) end
    reply[i] = 'dropped'
    dropped[#dropped + 1] = id
  end
end
if #dropped > 0 then
  redis.call('HDEL', KEYS[1], unpack(dropped))
  redis.call('HDEL', KEYS[2], unpack(dropped))
  redis.call('HINCRBY', KEYS[16], 'removed', #dropped)
end
return reply
