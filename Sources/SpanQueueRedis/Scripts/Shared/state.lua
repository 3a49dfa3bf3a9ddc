-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: the SpanQueue authors
--
-- Where jobs stand: in one of the sorted sets, or in one of two lists, which their runs tell apart. Needs run and uses.
--
-- Defines states_of(ids, runs, sets, meta): a list of states, and one of their scores in ms, '' where there is none. `runs` are the
-- records of the ids, `sets` the keys of scheduled, retrying, active, priority, dead, cancelled, retained.
--
-- Where the queue uses features, what would be called ready is 'unknown': it may be in a set that these scripts do not know.

local function states_of(ids, runs, sets, meta)
  local names = { 'scheduled', 'retrying', 'active', 'ready', 'dead', 'cancelled', 'completed' }
  local found = {}
  for k = 1, #names do found[k] = redis.call('ZMSCORE', sets[k], unpack(ids)) end
  local ready = nil
  local states, scores = {}, {}
  for i = 1, #ids do
    local state, score = nil, ''
    for k = 1, #names do
      if not state and found[k][i] then
        state = names[k]
        if k ~= 4 then score = string.format('%.0f', math.floor(tonumber(found[k][i]))) end
      end
    end
    if not state then state = run_is_completed(runs[i]) and 'completed' or 'ready' end
    if state == 'ready' then
      if not ready then ready = uses_refusal(redis.call('HGET', meta, 'uses')) and 'unknown' or 'ready' end
      state = ready
    end
    states[i], scores[i] = state, score
  end
  return states, scores
end
