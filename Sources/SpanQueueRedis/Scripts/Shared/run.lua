-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: the SpanQueue authors
--
-- A record of runs: version, attempts (2 bytes), reclaims (1), then entries: tag (1), length (3), body.
--
-- Defines run_empty, run_with(run, tag, body), run_cancelled(run, note, stamp), run_last(run), run_is_completed(run), run_tail(run).

local run_empty = '\1\0\0\0'
local function run_with(run, tag, body)
  local length = #body
  return run .. tag .. string.char(math.floor(length / 65536), math.floor(length / 256) % 256, length % 256) .. body
end
-- A cancel that was asked for while an attempt ran: when, why and who. Programs of layout 1 note no time.
local function run_cancelled(run, note, stamp)
  if not string.match(note, '^%d%d%d%d%d%d%d%d%d%d%d%d%d') then note = stamp .. note end
  return run_with(run, 'C', note)
end
-- Where the last event begins: an attempt 'A', a lost one 'L', a redrive 'V', a burial 'B', a cancel 'C'.
local function run_last(run)
  local at, last, size = 5, nil, run and #run or 0
  while at + 3 <= size do
    local tag, high, middle, low = string.byte(run, at, at + 3)
    if tag == 65 or tag == 76 or tag == 86 or tag == 66 or tag == 67 then last = at end
    at = at + 4 + high * 65536 + middle * 256 + low
  end
  return last
end
-- A job in no sorted set is completed if the last that happened to it is an attempt with the outcome 0; else it is ready.
local function run_is_completed(run)
  local last = run_last(run)
  return last ~= nil and string.byte(run, last) == 65 and string.byte(run, last + 6) == 0
end
-- A record of the last event alone.
local function run_tail(run)
  local last = run_last(run)
  return last and string.sub(run, 1, 4) .. string.sub(run, last) or false
end
