#!lua
-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: the SpanQueue authors
--
-- Sets what goes along with jobs that come from another store, where there is nothing in its place: `spanq transfer`.
--
-- KEYS  1 jobs  2 unique  3 unique-expiry  4 errors
-- ARGV  1 'locks'   then per lock, at most 100: digest, end (ms), owner
--         'errors'  then per group, at most 100: fingerprint, value
-- reply how many were set

-- include lock

local set = 0
if ARGV[1] == 'errors' then
  for at = 2, #ARGV, 2 do
    if redis.call('HEXISTS', KEYS[4], ARGV[at]) == 0 then
      redis.call('HSET', KEYS[4], ARGV[at], ARGV[at + 1])
      set = set + 1
    end
  end
  return set
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for at = 2, #ARGV, 3 do
  local digest, ends, owner = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local value = redis.call('HGET', KEYS[2], digest)
  if tonumber(ends) > now and not (value and lock_holder(KEYS[1], value, now)) then
    redis.call('HSET', KEYS[2], digest, ends .. ':' .. owner)
    redis.call('ZADD', KEYS[3], ends, digest)
    set = set + 1
  end
end
return set
