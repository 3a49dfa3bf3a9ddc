# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""One fault on a stack of its own: made, told, repaired, resolved."""

import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from drill_stack import DrillStack
from endpoints import Told
from faults import Fault
from ports import Waited, wait_for

# On top of the divided times: scrapes, evaluations, and a machine that is busy.
SLACK_SECONDS = 15
HEALTHY_SECONDS = 15
# After all is resolved, for what may still come.
QUIET_SECONDS = 10


@dataclass
class Row:
    what: str
    channel: str
    bound: float
    told: float | None = None
    """Seconds from the fault to the webhook."""
    resolved: float | None = None
    """Seconds from the healing to the webhook."""


@dataclass
class Outcome:
    fault: str
    rows: list[Row]
    unexpected: list[str] = field(default_factory=list)
    followed: list[str] = field(default_factory=list)
    """What may follow by right, and did."""
    faults: list[str] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        return asdict(self)


class Drill:
    def __init__(self, stack: DrillStack, fault: Fault) -> None:
        self.stack = stack
        self.fault = fault
        self.outcome = Outcome(fault.name, [Row(one.what, one.channel, self.bound(one.within)) for one in fault.alerts])

    def bound(self, within: str) -> float:
        """A time of the shipped rules, in the drill."""
        return self.stack.seconds(within) + SLACK_SECONDS

    def run(self) -> Outcome:
        self.stack.start_all()
        time.sleep(HEALTHY_SECONDS)
        if self.stack.webhook.told:
            self.outcome.faults.append("something was told while nothing was wrong")
        made = time.monotonic()
        self.fault.make(self.stack)
        for row in self.outcome.rows:
            row.told = self.heard(row, "firing", made, row.bound)
        healed = time.monotonic()
        self.fault.heal(self.stack)
        for row in self.outcome.rows:
            row.resolved = row.told and self.heard(row, "resolved", healed, self.bound(self.fault.resolved))
        time.sleep(QUIET_SECONDS)
        self.judge()
        return self.outcome

    def heard(self, row: Row, status: str, since: float, bound: float) -> float | None:
        def first() -> Told | None:
            return self.stack.webhook.first(row.what, status, since)

        try:
            wait_for(row.what, lambda: first() is not None, max(0.1, bound - (time.monotonic() - since)))
        except Waited:
            self.outcome.faults.append(f"{row.what} was not told as {status} within {bound:.0f} s")
            return None
        told = first()
        assert told
        if told.channel != row.channel:
            self.outcome.faults.append(f"{row.what} went to {told.channel}, not to {row.channel}")
        return told.at - since

    def judge(self) -> None:
        """Sorts what else was told. Alertmanager also takes back, with others of a group, what it never told: that wakes nobody."""
        expected = {row.what for row in self.outcome.rows}
        others = sorted({one.what for one in self.stack.webhook.told if one.status == "firing"} - expected)
        self.outcome.followed = [what for what in others if what.split()[0] in self.fault.may]
        self.outcome.unexpected = [what for what in others if what.split()[0] not in self.fault.may]


def run(spanq: Path, factor: float, fault: Fault) -> Outcome:
    with DrillStack(spanq, factor, "drill") as stack:
        return Drill(stack, fault).run()
