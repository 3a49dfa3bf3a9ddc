#!lua flags=no-writes
-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: the SpanQueue authors
--
-- Reads a page of one place of a queue, and all that is known in the same moment of the jobs on it: `spanq audit`.
--
-- KEYS  1 jobs  2 runs  3 ready  4 priority  5 scheduled  6 retrying  7 active  8 leases  9 cancelling  10 completed
--       11 retained  12 dead  13 cancelled  14 unique  15 unique-expiry  16 meta  17 wake  18 fence  19 errors  20 history
-- ARGV  1 what to read
--           'messages' a page of jobs        'members' a page of the hash or sorted set KEYS[ARGV[2]]
--           'list'     a page of the list KEYS[ARGV[2]], from its tail; the cursor is how many entries to pass over
--           'locks'    a page of unique      'jobs' the jobs named from ARGV[6] on
--           'named locks' the locks whose digests are given from ARGV[6] on
--           'totals'   how many there are of everything
--       2 the number of a key   3 a cursor, '0' at the start   4 about how many   5 the most bytes to give of a message
-- reply {now, last token or '', next cursor, entries, jobs}, or an error  'USES <bits>'
--         entries  'list' all ids of the page, the last one first;  'locks' digest, value, expiry or nil, for each;
--                  'totals' the lengths of KEYS[1] to [13], then enqueued, completed, dead, cancelled, removed or '0'
--         jobs     id, length of its message or -1, start of its message, run, lease, cancelling, sets, lock's value, for each;
--                  'members' only those without a message;  'list' those without one, and those in a sorted set;
--                  'locks' the owners
--         sets     a sum of 1 scheduled, 2 retrying, 4 active, 8 priority, 16 dead, 32 cancelled, 64 retained

-- include lock
-- include uses

local what, place, cursor, count, most = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local time = redis.call('TIME')
local meta = redis.call('HMGET', KEYS[16], 'token', 'enqueued', 'completed', 'dead', 'cancelled', 'removed', 'uses')
local refusal = uses_refusal(meta[7])
if refusal then return refusal end
local sets = { 5, 6, 7, 4, 12, 13, 11 }
local facts, entries = {}, {}

-- Adds the facts of some jobs, in slices that `unpack` can take whatever the encoding of a key made of `count`.
local function add(ids, messages)
  for first = 1, #ids, 200 do
    local last = math.min(first + 199, #ids)
    local found = messages or redis.call('HMGET', KEYS[1], unpack(ids, first, last))
    local offset = messages and 0 or first - 1
    local runs = redis.call('HMGET', KEYS[2], unpack(ids, first, last))
    local leases = redis.call('HMGET', KEYS[8], unpack(ids, first, last))
    local cancelling = redis.call('HMGET', KEYS[9], unpack(ids, first, last))
    local scores = {}
    for k = 1, #sets do scores[k] = redis.call('ZMSCORE', KEYS[sets[k]], unpack(ids, first, last)) end
    for i = first, last do
      local at, message, n = i - first + 1, found[i - offset], #facts
      local mask = 0
      for k = 1, #sets do
        if scores[k][at] then mask = mask + 2 ^ (k - 1) end
      end
      local lock = message and (string.byte(message, 15) or 0) % 2 == 1
        and redis.call('HGET', KEYS[14], string.sub(message, 17, 32))
      facts[n + 1] = ids[i]
      facts[n + 2] = message and #message or -1
      facts[n + 3] = message and string.sub(message, 1, most) or ''
      facts[n + 4] = runs[at]
      facts[n + 5] = leases[at]
      facts[n + 6] = cancelling[at]
      facts[n + 7] = mask
      facts[n + 8] = lock or false
    end
  end
end
local function given()
  local values = {}
  for i = 6, #ARGV do values[i - 5] = ARGV[i] end
  return values
end

local next_cursor = '0'
if what == 'messages' then
  local page = redis.call('HSCAN', KEYS[1], cursor, 'COUNT', count)
  next_cursor = page[1]
  local ids, messages = {}, {}
  for i = 1, #page[2], 2 do
    -- The door, which is not a job.
    if page[2][i] ~= '@' then
      ids[#ids + 1] = page[2][i]
      messages[#messages + 1] = page[2][i + 1]
    end
  end
  add(ids, messages)
elseif what == 'members' then
  local scan = redis.call('TYPE', KEYS[place])['ok'] == 'zset' and 'ZSCAN' or 'HSCAN'
  local page = redis.call(scan, KEYS[place], cursor, 'COUNT', count)
  next_cursor = page[1]
  local ids = {}
  for i = 1, #page[2], 2 do
    if redis.call('HEXISTS', KEYS[1], page[2][i]) == 0 then ids[#ids + 1] = page[2][i] end
  end
  add(ids)
elseif what == 'list' then
  local passed = tonumber(cursor)
  local page = redis.call('LRANGE', KEYS[place], -(passed + count), -(passed + 1))
  for i = 1, #page do entries[i] = page[#page + 1 - i] end
  local odd, ids = {}, {}
  for i = 1, #entries do
    if redis.call('HEXISTS', KEYS[1], entries[i]) == 0 then odd[i] = true end
  end
  for k = 1, #sets do
    for first = 1, #entries, 200 do
      local scores = redis.call('ZMSCORE', KEYS[sets[k]], unpack(entries, first, math.min(first + 199, #entries)))
      for i = 1, #scores do
        if scores[i] then odd[first + i - 1] = true end
      end
    end
  end
  for i = 1, #entries do
    if odd[i] then ids[#ids + 1] = entries[i] end
  end
  add(ids)
elseif what == 'locks' or what == 'named locks' then
  local found = {}
  if what == 'locks' then
    local page = redis.call('HSCAN', KEYS[14], cursor, 'COUNT', count)
    next_cursor, found = page[1], page[2]
  else
    for _, digest in ipairs(given()) do
      local value = redis.call('HGET', KEYS[14], digest)
      if value then
        found[#found + 1] = digest
        found[#found + 1] = value
      end
    end
  end
  local owners = {}
  for i = 1, #found, 2 do
    local n = #entries
    entries[n + 1], entries[n + 2], entries[n + 3] = found[i], found[i + 1], redis.call('ZSCORE', KEYS[15], found[i])
    owners[#owners + 1] = select(2, lock_parts(found[i + 1])) or ''
  end
  add(owners)
elseif what == 'jobs' then
  add(given())
elseif what == 'totals' then
  local length = { hash = 'HLEN', list = 'LLEN', zset = 'ZCARD' }
  for k = 1, 13 do
    local command = length[redis.call('TYPE', KEYS[k])['ok']]
    entries[k] = command and redis.call(command, KEYS[k]) or 0
  end
  entries[1] = entries[1] - redis.call('HEXISTS', KEYS[1], '@')
  for k = 2, 6 do entries[#entries + 1] = meta[k] or '0' end
end
return { string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)), meta[1] or '', next_cursor, entries, facts }
