# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""PromQL, as the panels use it.

Three rules hold everywhere. A counter belongs to a process: `rate` first, then `sum`. A shared gauge is the same in every
process: `max by`, and only its result may be summed. Seldom events are counted over the last five minutes, since a rate
over a scrape or two of them is noise.
"""

QUEUE = 'queue=~"$queue"'
QUEUE_TYPE = 'queue=~"$queue",job_type=~"$type"'
INSTANCE = 'instance=~"$instance"'

# 99% of a queue's jobs start within 30 s of being eligible, over 30 days.
SLO_SECONDS = 30
SLO_LE = 'le=~"30.0|30"'
SLO_ALLOWED = 0.01
SLO_WINDOW = "30d"

WAIT = "spanq_job_wait_seconds"
RUN = "spanq_job_process_seconds"
ATTEMPTS = "spanq_job_attempts_total"


def rate(metric: str, where: str = "", by: str = "") -> str:
    """Events a second, over all processes."""
    return f"{_sum(by)} (rate({metric}{_braces(where)}[$__rate_interval]))"


def recent(metric: str, where: str = "", by: str = "", window: str = "5m") -> str:
    """How many in the last `window`, over all processes.

    A series that appears with its first event (an error's type, a reason) has no sample before it, and `increase` would
    miss that event. So where its process was scraped `window` ago and the series was not there, all of its value counts.
    """
    series = f"{metric}{_braces(where)}"
    late = f"({series} unless {series} offset {window}) and on (job, instance) (up offset {window} == 1)"
    return f"{_sum(by)} ({late} or increase({series}[{window}]))"


def shared(metric: str, where: str = "", by: str = "queue", ago: str = "") -> str:
    """A gauge that every process reads from Redis alike."""
    return f"max by ({by}) ({metric}{_braces(where)}{ago})"


def jobs(state: str, where: str = QUEUE) -> str:
    """Jobs in a state, by queue."""
    return shared("spanq_queue_jobs", f'{where},state="{state}"')


def oldest(where: str = QUEUE) -> str:
    """Seconds that the oldest ready job has waited, by queue."""
    return shared("spanq_queue_oldest_job_age_seconds", f'{where},state="ready"')


def quantile(q: float, metric: str, where: str = "", by: str = "") -> str:
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({q}, {rate(metric + '_bucket', where, labels)})"


def buckets(metric: str, where: str = "") -> str:
    """For a heatmap: observations in each bucket."""
    return f"sum by (le) (increase({metric}_bucket{_braces(where)}[$__rate_interval]))"


def arriving(where: str = QUEUE) -> str:
    """Jobs that became ready each second, by queue: started, plus what the backlog grew by.

    Not the counter of enqueues: that one is in the producers, which nobody has to scrape, and knows no retries.
    """
    # A queue that nobody serves has no counter of claims.
    started = f"({rate('spanq_jobs_claimed_total', where, 'queue')} or {shared('spanq_queue_paused', where)} * 0)"
    return f"clamp_min({started} + deriv(({jobs('ready', where)})[$__rate_interval:5s]), 0)"


def shrinking(where: str = QUEUE) -> str:
    """Ready jobs fewer each second, by queue; nothing where they do not become fewer.

    Against half a minute ago: a slope over longer would still rise well after a burst has begun to drain.
    """
    before = shared("spanq_queue_jobs", f'{where},state="ready"', ago=" offset 30s")
    return f"(({before} - {jobs('ready', where)}) / 30 > 0.01)"


def drain_seconds(where: str = QUEUE) -> str:
    """Time until no job is ready, by queue: 0 when none is, nothing where the backlog does not shrink."""
    ready = jobs("ready", where)
    return f"({ready} == 0) or {ready} / {shrinking(where)}"


def drain_or_word(where: str = QUEUE) -> str:
    """The same, with a word where the backlog does not shrink."""
    return f"{drain_seconds(where)} or {jobs('ready', where)} * 0 - 1 - ({oldest(where)} <= bool {SLO_SECONDS})"


def worst_drain(where: str = QUEUE) -> str:
    """The longest time to drain of all queues, or a word: a queue that is stuck goes before all others."""
    ready = jobs("ready", where)
    stuck = f"count(({oldest(where)} > {SLO_SECONDS}) unless {shrinking(where)})"
    none_or_word = f"-2 * (sum({ready}) > bool 0)"
    return f"max({ready} / {shrinking(where)}) unless on () {stuck} or {stuck} * 0 - 1 or {none_or_word} or vector(0)"


# What -1 and -2 stand for, where a backlog does not shrink.
DRAIN_WORDS = {"-1": ("not shrinking", "red"), "-2": (f"waits < {SLO_SECONDS} s", "green")}


def slo_bad(window: str, where: str = QUEUE) -> str:
    """Share of jobs that started too late, by queue; nothing where none started."""
    good = f"sum by (queue) (increase({WAIT}_bucket{{{where},{SLO_LE}}}[{window}]))"
    every = f"sum by (queue) (increase({WAIT}_count{{{where}}}[{window}]))"
    return f"(1 - {good} / ({every} > 0))"


def slo_left(where: str = QUEUE) -> str:
    """Share of the error budget that is left, by queue: all of it where no job started, negative when overspent."""
    untouched = f"{shared('spanq_queue_paused', where)} * 0 + 1"
    return f"1 - {slo_bad(SLO_WINDOW, where)} / {SLO_ALLOWED} or {untouched}"


def failing_share(where: str, by: str = "") -> str:
    """Share of the attempts of the last five minutes that failed: retried, buried or lost. 0 where there was none."""
    failed = recent(ATTEMPTS, f'{where},outcome=~"retried|buried|lost"', by)
    ended = recent(ATTEMPTS, f'{where},outcome!="released"', by)
    return f"{failed} / clamp_min({ended}, 1)"


def or_zero(expression: str) -> str:
    """For single figures: 0 where nothing has been counted yet, which is the truth."""
    return f"{expression} or vector(0)"


def _sum(by: str) -> str:
    return f"sum by ({by})" if by else "sum"


def _braces(where: str) -> str:
    return "{" + where + "}" if where else ""
