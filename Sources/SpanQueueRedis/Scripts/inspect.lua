#!lua flags=no-writes
-- Reads all that is known of some jobs of one queue.
--
-- KEYS  1 jobs  2 runs  3 scheduled  4 retrying  5 active  6 priority  7 dead  8 cancelled  9 retained  10 leases
--       11 cancelling  12 meta
-- ARGV  at most 100 ids
-- reply per job that exists  {id, state, score, lease, cancel asked for, message, run}
--
-- Where the queue uses features, what would be called ready is 'unknown': it may be in a set that this script does not know.

-- include run
-- include uses

local ids = ARGV
if #ids == 0 then return {} end
local messages = redis.call('HMGET', KEYS[1], unpack(ids))
local runs = redis.call('HMGET', KEYS[2], unpack(ids))
local leases = redis.call('HMGET', KEYS[10], unpack(ids))
local cancelling = redis.call('HMGET', KEYS[11], unpack(ids))
local states = { 'scheduled', 'retrying', 'active', 'ready', 'dead', 'cancelled', 'completed' }
local scores = {}
for k = 1, #states do scores[k] = redis.call('ZMSCORE', KEYS[k + 2], unpack(ids)) end
local ready = nil

local reply = {}
for i, id in ipairs(ids) do
  if messages[i] then
    local state, score = nil, ''
    for k = 1, #states do
      if not state and scores[k][i] then
        state = states[k]
        if k ~= 4 then score = string.format('%.0f', math.floor(tonumber(scores[k][i]))) end
      end
    end
    if not state then state = run_is_completed(runs[i]) and 'completed' or 'ready' end
    if state == 'ready' then
      if not ready then ready = uses_refusal(redis.call('HGET', KEYS[12], 'uses')) and 'unknown' or 'ready' end
      state = ready
    end
    reply[#reply + 1] = { id, state, score, leases[i], cancelling[i] and 1 or 0, messages[i], runs[i] }
  end
end
return reply
