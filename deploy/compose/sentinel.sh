#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
# Starts a Sentinel of the stack. By names and not by addresses: a container has another address each time.
set -eu

cat >/tmp/sentinel.conf <<EOF
port 26379
dir /tmp
sentinel resolve-hostnames yes
sentinel announce-hostnames yes
sentinel monitor spanqueue redis 6379 2
sentinel down-after-milliseconds spanqueue 1000
sentinel failover-timeout spanqueue 10000
sentinel parallel-syncs spanqueue 1
EOF
exec "$(command -v redis-server || command -v valkey-server)" /tmp/sentinel.conf --sentinel
