#!lua
-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: the SpanQueue authors
--
-- Adds to what is remembered of one queue: how attempts went in this minute and in these ten minutes.
--
-- KEYS  1 history  2 ready  3 priority
-- ARGV  1 the most types of a slot   2 six sums of all types   then type, its numbers, ...   numbers have a space in between
-- reply 1
--
-- A slot is lines: '<epoch> <ready jobs> <six sums>', then '<type>\t<numbers>' for each type. It is used again when the ring has gone
-- round: with another epoch it begins afresh.

local seconds = tonumber(redis.call('TIME')[1])
local ready = string.format('%.0f', redis.call('LLEN', KEYS[2]) + redis.call('ZCARD', KEYS[3]))

local function added(left, right)
  local sums, more = {}, string.gmatch(right, '%d+')
  for number in string.gmatch(left, '%d+') do
    sums[#sums + 1] = string.format('%.0f', tonumber(number) + tonumber(more() or '0'))
  end
  return table.concat(sums, ' ')
end

local function filled(slot, epoch)
  local stamp = string.format('%.0f', epoch)
  local head, names, numbers = ARGV[2], {}, {}
  if slot and string.match(slot, '^%d+') == stamp then
    head = added(string.match(slot, '^%d+ %d+ ([%d ]+)') or '', ARGV[2])
    for name, old in string.gmatch(slot, '\n([^\t\n]+)\t([%d ]+)') do
      names[#names + 1] = name
      numbers[name] = old
    end
  end
  for i = 3, #ARGV, 2 do
    local name = ARGV[i]
    if not numbers[name] and #names >= tonumber(ARGV[1]) then name = '*' end
    if numbers[name] then
      numbers[name] = added(numbers[name], ARGV[i + 1])
    else
      names[#names + 1] = name
      numbers[name] = ARGV[i + 1]
    end
  end
  local lines = { stamp .. ' ' .. ready .. ' ' .. head }
  for i = 1, #names do lines[#lines + 1] = names[i] .. '\t' .. numbers[names[i]] end
  return table.concat(lines, '\n')
end

local minute, ten = math.floor(seconds / 60), math.floor(seconds / 600)
local fields = { string.format('m%.0f', minute % 180), string.format('t%.0f', ten % 432) }
local slots = redis.call('HMGET', KEYS[1], fields[1], fields[2])
redis.call('HSET', KEYS[1], fields[1], filled(slots[1], minute), fields[2], filled(slots[2], ten))
return 1
