#!lua flags=allow-oom
-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: the SpanQueue authors
--
-- Ends attempts at jobs of one queue.
--
-- KEYS  1 jobs  2 runs  3 priority  4 retrying  5 active  6 leases  7 completed  8 retained  9 dead  10 cancelled
--       11 unique  12 meta  13 wake  14 cancelling
-- ARGV  1 how many completed jobs are kept   2 the number N of plain completions: standard retention, no lock
--       then N times     id, lease, run
--       then per further job  verdict, id, lease, run, parameter, priority, digest
--         verdict   'c' complete, 't' retry, 'b' bury, 'r' release, 'x' cancel, 'p' put off: the run stays as it is
--         parameter for 'c' the retention (ms), '' standard, '0' none; for 't' and 'p' the delay (ms)
--         digest    the 16 bytes of a lock that is held until the end; else ''
--       run is the job's record of runs up to where the end time of this attempt belongs: the script appends it
-- reply {now, index, ...}: the indices of the settlements whose claim was no longer the worker's
-- moves active -> completed, retrying, dead, ready, cancelled
--
-- A settlement that comes again with the same token finds its own run stored and is answered as it was the first time.
-- At most 128 jobs a call.

-- include place
-- include run
-- include lock

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stamp = string.format('%.0f', now)

local plain = tonumber(ARGV[2])
local ids = {}
for i = 1, plain do ids[i] = ARGV[3 * i] end
local first_extended = 3 + 3 * plain
for at = first_extended, #ARGV, 7 do ids[#ids + 1] = ARGV[at + 1] end
local held = redis.call('HMGET', KEYS[6], unpack(ids))

local reply = { stamp }
local function settled_before(id, run)
  local stored = redis.call('HGET', KEYS[2], id)
  return stored and #stored >= #run + 13 and string.sub(stored, 1, #run) == run
end

-- Of two ends of one claim in one call the first counts.
local taken = {}
local done, runs, completed = {}, {}, {}
for i = 1, plain do
  local id, run = ids[i], ARGV[3 * i + 2]
  if taken[id] then
    if taken[id] ~= run then reply[#reply + 1] = i end
  elseif held[i] == ARGV[3 * i + 1] then
    taken[id] = run
    done[#done + 1] = id
    completed[#completed + 1] = id
    runs[#runs + 1] = id
    runs[#runs + 1] = run .. stamp
  elseif not settled_before(id, run) then
    reply[#reply + 1] = i
  end
end

local retrying, dead, cancelled, retained, returned, gone, locks = {}, {}, {}, {}, {}, {}, {}
local finished = #completed
if first_extended <= #ARGV then
  local cancelling = redis.call('HLEN', KEYS[14]) > 0
  local index = plain
  for at = first_extended, #ARGV, 7 do
    index = index + 1
    local verdict, id, run, parameter = ARGV[at], ARGV[at + 1], ARGV[at + 3], ARGV[at + 4]
    if taken[id] then
      if taken[id] ~= run then reply[#reply + 1] = index end
    elseif held[index] == ARGV[at + 2] then
      taken[id] = run
      done[#done + 1] = id
      run = run .. stamp
      if cancelling and (verdict == 't' or verdict == 'r' or verdict == 'x') then
        local note = redis.call('HGET', KEYS[14], id)
        if note then
          -- Asked for while it ran: the job is cancelled, for the reason that was given, instead of going on.
          verdict = 'x'
          run = run_cancelled(run, note, stamp)
        end
      end
      local keep = true
      if verdict == 'c' then
        finished = finished + 1
        if parameter == '' then
          completed[#completed + 1] = id
        elseif parameter == '0' then
          gone[#gone + 1] = id
          keep = false
        else
          retained[#retained + 1] = string.format('%.0f', now + tonumber(parameter))
          retained[#retained + 1] = id
        end
      elseif verdict == 't' or verdict == 'p' then
        keep = verdict == 't'
        retrying[#retrying + 1] = string.format('%.2f', now + tonumber(parameter) + tonumber(ARGV[at + 5]) / 100)
        retrying[#retrying + 1] = id
      elseif verdict == 'b' then
        dead[#dead + 1] = stamp
        dead[#dead + 1] = id
      elseif verdict == 'x' then
        cancelled[#cancelled + 1] = stamp
        cancelled[#cancelled + 1] = id
      else
        returned[#returned + 1] = tonumber(ARGV[at + 5])
        returned[#returned + 1] = id
      end
      if keep then
        runs[#runs + 1] = id
        runs[#runs + 1] = run
      end
      if ARGV[at + 6] ~= '' and verdict ~= 't' and verdict ~= 'r' then
        locks[#locks + 1] = ARGV[at + 6]
        locks[#locks + 1] = id
      end
    elseif not settled_before(id, run) then
      reply[#reply + 1] = index
    end
  end
end

if #done == 0 then return reply end
redis.call('ZREM', KEYS[5], unpack(done))
redis.call('HDEL', KEYS[6], unpack(done))
redis.call('HDEL', KEYS[14], unpack(done))
if #runs > 0 then redis.call('HSET', KEYS[2], unpack(runs)) end

local removed = #gone
if #gone > 0 then
  redis.call('HDEL', KEYS[1], unpack(gone))
  redis.call('HDEL', KEYS[2], unpack(gone))
end
if #completed > 0 then
  local over = redis.call('RPUSH', KEYS[7], unpack(completed)) - tonumber(ARGV[1])
  if over > 0 then
    local old = redis.call('LPOP', KEYS[7], math.min(over, 256))
    redis.call('HDEL', KEYS[1], unpack(old))
    redis.call('HDEL', KEYS[2], unpack(old))
    removed = removed + #old
  end
end
if finished > 0 then redis.call('HINCRBY', KEYS[12], 'completed', finished) end
if #retained > 0 then redis.call('ZADD', KEYS[8], unpack(retained)) end
if #dead > 0 then
  redis.call('ZADD', KEYS[9], unpack(dead))
  redis.call('HINCRBY', KEYS[12], 'dead', #dead / 2)
end
if #cancelled > 0 then
  redis.call('ZADD', KEYS[10], unpack(cancelled))
  redis.call('HINCRBY', KEYS[12], 'cancelled', #cancelled / 2)
end
if removed > 0 then redis.call('HINCRBY', KEYS[12], 'removed', removed) end
for i = 1, #locks, 2 do lock_release(KEYS[11], locks[i], locks[i + 1]) end

local wake = false
if #retrying > 0 then
  redis.call('ZADD', KEYS[4], unpack(retrying))
  local earliest = redis.call('ZRANGE', KEYS[4], 0, 0)[1]
  for i = 2, #retrying, 2 do
    if retrying[i] == earliest then wake = true end
  end
end
if #returned > 0 then
  place_returned(KEYS[12], KEYS[3], returned)
  wake = true
end
if wake and redis.call('LLEN', KEYS[13]) == 0 then redis.call('RPUSH', KEYS[13], '1') end
return reply
