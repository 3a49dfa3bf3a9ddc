#!lua flags=allow-oom
-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: the SpanQueue authors
--
-- Forgets finished jobs of one queue whose retention is over, and locks that have run out, a bounded number a call.
--
-- KEYS  1 jobs  2 runs  3 completed  4 retained  5 cancelled  6 dead  7 unique  8 unique-expiry  9 meta
-- ARGV  1 standard retention (ms)   2 how many completed jobs are kept   3 retention of dead letters (ms), 0 forever
--       4 the most of each kind, at most 250
-- reply {the number of records and locks that were dropped, 1 if there may be more, else 0}
--       or an error  'USES <bits>': nothing was done
--
-- The last 13 bytes of the run of a completed job are the time of its completion.

-- include uses

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stamp = string.format('%.0f', now)
local oldest = now - tonumber(ARGV[1])
local step = tonumber(ARGV[4])

local over = redis.call('LLEN', KEYS[3]) - tonumber(ARGV[2])
local heads = redis.call('LRANGE', KEYS[3], 0, step - 1)
local completed = 0
if #heads > 0 then
  local runs = redis.call('HMGET', KEYS[2], unpack(heads))
  for i = 1, #heads do
    local ended = runs[i] and tonumber(string.sub(runs[i], -13)) or 0
    if i <= over or ended <= oldest then completed = i else break end
  end
end
local full = completed == step
local function ended(key, before)
  local ids = redis.call('ZRANGE', key, '-inf', before, 'BYSCORE', 'LIMIT', 0, step)
  if #ids == step then full = true end
  return ids
end
local retained = ended(KEYS[4], stamp)
local cancelled = ended(KEYS[5], string.format('%.0f', oldest))
local dead = tonumber(ARGV[3]) > 0 and ended(KEYS[6], string.format('%.0f', now - tonumber(ARGV[3]))) or {}
local digests = ended(KEYS[8], stamp)
local jobs = completed + #retained + #cancelled + #dead
if jobs + #digests == 0 then return { 0, 0 } end
local refusal = uses_refusal(redis.call('HGET', KEYS[9], 'uses'))
if refusal then return refusal end

local function forget(ids)
  redis.call('HDEL', KEYS[1], unpack(ids))
  redis.call('HDEL', KEYS[2], unpack(ids))
end
if completed > 0 then forget(redis.call('LPOP', KEYS[3], completed)) end
for key, ids in pairs({ [4] = retained, [5] = cancelled, [6] = dead }) do
  if #ids > 0 then
    redis.call('ZREM', KEYS[key], unpack(ids))
    forget(ids)
  end
end
if jobs > 0 then redis.call('HINCRBY', KEYS[9], 'removed', jobs) end

if #digests > 0 then
  local locks = redis.call('HMGET', KEYS[7], unpack(digests))
  local dropped = {}
  for i = 1, #digests do
    -- The lock may have been taken again since, with another expiry or with none.
    local expiry = locks[i] and tonumber(string.match(locks[i], '^%d+')) or nil
    if expiry and expiry > 0 and expiry <= now then dropped[#dropped + 1] = digests[i] end
  end
  redis.call('ZREM', KEYS[8], unpack(digests))
  if #dropped > 0 then redis.call('HDEL', KEYS[7], unpack(dropped)) end
end
return { jobs + #digests, full and 1 or 0 }
