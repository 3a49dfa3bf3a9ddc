#!lua flags=no-writes
-- Reads all that is known of some jobs of one queue.
--
-- KEYS  1 jobs  2 runs  3 scheduled  4 retrying  5 active  6 priority  7 dead  8 cancelled  9 retained  10 completed
--       11 leases  12 cancelling
-- ARGV  1 the state of jobs that stand in no sorted set, 'ready' or 'completed'; '' to look for it
--       then at most 100 ids
-- reply per job that exists  {id, state, score, lease, cancel asked for, message, run}

local ids = {}
for i = 2, #ARGV do ids[i - 1] = ARGV[i] end
if #ids == 0 then return {} end
local messages = redis.call('HMGET', KEYS[1], unpack(ids))
local runs = redis.call('HMGET', KEYS[2], unpack(ids))
local leases = redis.call('HMGET', KEYS[11], unpack(ids))
local cancelling = redis.call('HMGET', KEYS[12], unpack(ids))
local states = { 'scheduled', 'retrying', 'active', 'ready', 'dead', 'cancelled', 'completed' }
local scores = {}
for k = 1, #states do scores[k] = redis.call('ZMSCORE', KEYS[k + 2], unpack(ids)) end

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
    if not state and ARGV[1] ~= '' then state = ARGV[1] end
    if not state then state = runs[i] and redis.call('LPOS', KEYS[10], id) and 'completed' or 'ready' end
    reply[#reply + 1] = { id, state, score, leases[i], cancelling[i] and 1 or 0, messages[i], runs[i] }
  end
end
return reply
