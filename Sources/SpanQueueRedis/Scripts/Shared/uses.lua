-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: the SpanQueue authors
--
-- The fence of features: `uses` of meta is a sum of bits, one for each feature that a queue uses. These scripts know none. What uses
-- a feature is left as it is, for a program that knows it.
--
-- Defines uses_refusal(uses).

local function uses_refusal(uses)
  if not uses or uses == '0' then return nil end
  return redis.error_reply('USES ' .. uses .. ' the queue uses features that this program does not know: nothing was done')
end
