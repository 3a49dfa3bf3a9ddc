#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Runs a client's drill against two gateways, and kills the first in the middle.

usage: Tools/clients/drill.py DRILL     DRILL: the program, as clients/go/drill is one
"""

from __future__ import annotations

import re
import subprocess
import sys

from spanqueue.testing import Gateway, PrivateRedis

#: How long nothing may happen where a gateway dies: 2 s are promised, and the machine may be busy.
MOST_MILLISECONDS = 6_000


def main() -> int:
    redis = PrivateRedis()
    gateways = [Gateway(redis.url), Gateway(redis.url)]
    try:
        addresses = ",".join(gateway.address for gateway in gateways)
        drill = subprocess.Popen([sys.argv[1], "-addresses", addresses, "-queue", "drill"], stdout=subprocess.PIPE, text=True)
        assert drill.stdout is not None
        pause = None
        for line in drill.stdout:
            print(line, end="")
            if line == "middle\n":
                gateways[0].kill()
            found = re.search(r"longest pause between two was (\d+) ms", line)
            pause = int(found[1]) if found else pause
        if drill.wait() != 0:
            return 1
        if gateways[0].process.poll() is None or pause is None or pause > MOST_MILLISECONDS:
            print(f"no gateway was killed, or it took too long to go on: {pause} ms", file=sys.stderr)
            return 1
        return 0
    finally:
        for gateway in gateways:
            gateway.kill()
        redis.close()


sys.exit(main())
