#!lua
-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: the SpanQueue authors
--
-- Stores what a running attempt reports: its progress, its result.
--
-- KEYS  1 leases  2 runs
-- ARGV  1 id  2 lease  3 run
-- reply 1 stored, 0 the claim was no longer the worker's
--
-- Refused when Redis is out of memory: a report may be lost, the end of an attempt may not.

if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
return 1
