#!lua
-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: the SpanQueue authors
--
-- Adds to the counts of groups of errors of one queue. A group's value is '<first><last><count>', NUL, job type, NUL, error type, NUL,
-- version of the worker, NUL, masked text; first and last are 13 digits.
--
-- KEYS  1 errors
-- ARGV  1 the most groups   2 version   then fingerprint, count, job type, error type, masked text, ...  of at most 100 groups
-- reply 1
--
-- Beyond the most, those that were seen longest ago give way to the group 'other', a few at once.

local time = redis.call('TIME')
local stamp = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local function head(value, count)
  local first, before = stamp, 0
  if value then first, before = string.sub(value, 1, 13), tonumber(string.match(value, '^%d+', 27) or '0') end
  return first, before + count
end

local names = {}
for at = 3, #ARGV, 5 do names[#names + 1] = ARGV[at] end
if #names == 0 then return 1 end
local known = redis.call('HMGET', KEYS[1], unpack(names))
local values = {}
for i = 1, #names do
  local at = 5 * i - 2
  local first, count = head(known[i], tonumber(ARGV[at + 1]))
  values[#values + 1] = names[i]
  values[#values + 1] = first .. stamp .. string.format('%.0f', count) .. '\0' .. ARGV[at + 2] .. '\0' .. ARGV[at + 3] .. '\0'
    .. ARGV[2] .. '\0' .. ARGV[at + 4]
end
redis.call('HSET', KEYS[1], unpack(values))

local over = redis.call('HLEN', KEYS[1]) - tonumber(ARGV[1])
if over > 0 then
  local all = redis.call('HGETALL', KEYS[1])
  local groups, other = {}, nil
  for i = 1, #all, 2 do
    if all[i] == 'other' then other = all[i + 1] else groups[#groups + 1] = { all[i], all[i + 1] } end
  end
  table.sort(groups, function(a, b)
    local left, right = string.sub(a[2], 14, 26), string.sub(b[2], 14, 26)
    return left < right or (left == right and a[1] < b[1])
  end)
  local dropped, first, sum = {}, other and string.sub(other, 1, 13) or stamp, other and select(2, head(other, 0)) or 0
  local last = other and string.sub(other, 14, 26) or ''
  for i = 1, math.min(#groups, over + math.floor(tonumber(ARGV[1]) / 20) + 1) do
    local value = groups[i][2]
    dropped[i] = groups[i][1]
    sum = select(2, head(value, sum))
    if string.sub(value, 1, 13) < first then first = string.sub(value, 1, 13) end
    if string.sub(value, 14, 26) > last then last = string.sub(value, 14, 26) end
  end
  redis.call('HDEL', KEYS[1], unpack(dropped))
  redis.call('HSET', KEYS[1], 'other', first .. last .. string.format('%.0f', sum) .. '\0\0\0\0')
end
return 1
