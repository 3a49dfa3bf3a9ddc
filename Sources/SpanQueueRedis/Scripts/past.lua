#!lua flags=no-writes
-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: the SpanQueue authors
--
-- Reads the last slots of what is remembered of one queue; see history.lua.
--
-- KEYS  1 history
-- ARGV  1 'm' or 't'   2 seconds of a slot   3 how many are kept   4 how many are wanted   5 '' for sums alone
-- reply the slots that there are, the oldest first; of each its first line, or all

local present = math.floor(tonumber(redis.call('TIME')[1]) / tonumber(ARGV[2]))
local first = present - tonumber(ARGV[4]) + 1
local fields = {}
for epoch = first, present do fields[#fields + 1] = ARGV[1] .. string.format('%.0f', epoch % tonumber(ARGV[3])) end
local slots = redis.call('HMGET', KEYS[1], unpack(fields))
local reply = {}
for i = 1, #fields do
  local slot = slots[i]
  -- What stands there from the last time round is older than what is kept.
  if slot and string.match(slot, '^%d+') == string.format('%.0f', first + i - 1) then
    reply[#reply + 1] = ARGV[5] == '' and string.match(slot, '^[^\n]*') or slot
  end
end
return reply
