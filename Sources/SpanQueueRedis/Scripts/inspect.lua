#!lua flags=no-writes
-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: the SpanQueue authors
--
-- Reads all that is known of some jobs of one queue.
--
-- KEYS  1 jobs  2 runs  3 scheduled  4 retrying  5 active  6 priority  7 dead  8 cancelled  9 retained  10 leases
--       11 cancelling  12 meta
-- ARGV  at most 100 ids
-- reply per job that exists  {id, state, score, lease, when, why and by whom a cancel was asked for, message, run}

-- include run
-- include uses
-- include state

local ids = ARGV
if #ids == 0 then return {} end
local messages = redis.call('HMGET', KEYS[1], unpack(ids))
local runs = redis.call('HMGET', KEYS[2], unpack(ids))
local leases = redis.call('HMGET', KEYS[10], unpack(ids))
local cancelling = redis.call('HMGET', KEYS[11], unpack(ids))
local sets = { KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9] }
local states, scores = states_of(ids, runs, sets, KEYS[12])

local reply = {}
for i, id in ipairs(ids) do
  if messages[i] then
    reply[#reply + 1] = { id, states[i], scores[i], leases[i], cancelling[i], messages[i], runs[i] }
  end
end
return reply
