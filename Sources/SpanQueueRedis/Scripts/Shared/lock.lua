-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: the SpanQueue authors
--
-- Unique locks: digest -> '<end in ms, or 0>:<owner>'. Behind the end may be more, before the colon, of later versions.
--
-- Defines lock_digest(message), lock_parts(value), lock_holder(jobs, value, now), lock_release(unique, digest, id).

-- The digest of the lock that a job holds until its start or end; nil if it has none, or one for a time.
local function lock_digest(message)
  local flags = string.byte(message, 15) or 0
  return flags % 2 == 1 and flags % 8 < 4 and string.sub(message, 17, 32) or nil
end
-- Its end and its owner; nil where it is not a lock.
local function lock_parts(value)
  local expiry, owner = string.match(value, '^(%d+)[^:]*:(.*)$')
  return tonumber(expiry), owner
end
-- Who holds a lock with that value; nil if nobody does. A lock without an end is worth as much as its owner: one whose record is
-- gone keeps nobody out.
local function lock_holder(jobs, value, now)
  local expiry, owner = lock_parts(value)
  if not expiry then error({ err = 'LOCK a unique lock can not be read: spanq audit --repair releases it' }) end
  if expiry > now or (expiry == 0 and redis.call('HEXISTS', jobs, owner) == 1) then return owner end
  return nil
end
-- Compares the whole value, so that it releases no lock of another, and none that keeps more than its owner.
local function lock_release(unique, digest, id)
  if redis.call('HGET', unique, digest) == '0:' .. id then redis.call('HDEL', unique, digest) end
end
