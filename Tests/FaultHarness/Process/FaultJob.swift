// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue

/// What the workers of the fault tests run: it says itself how it behaves.
package struct FaultJob: Job {
    package static let jobType = "fault:job"

    /// How long the handler runs.
    package var milliseconds = 0
    /// How many attempts throw before one returns.
    package var failures = 0
    /// Whether it blocks its thread instead of suspending.
    package var blocks = false
    /// Whether it kills its own process.
    package var dies = false
    /// Whether it reports progress every 20 ms while it runs.
    package var reports = false
    /// Whether it goes on after its cancellation, and returns.
    package var heedsNothing = false
    /// Whether it enqueues bulk all the time while it runs.
    package var fansOut = false
    /// Whether it writes what it has done into a table and completes itself there, in one transaction.
    package var completesInSQL = false

    package init(
        milliseconds: Int = 0, failures: Int = 0, blocks: Bool = false, dies: Bool = false, reports: Bool = false,
        heedsNothing: Bool = false, fansOut: Bool = false, completesInSQL: Bool = false
    ) {
        self.milliseconds = milliseconds
        self.failures = failures
        self.blocks = blocks
        self.dies = dies
        self.reports = reports
        self.heedsNothing = heedsNothing
        self.fansOut = fansOut
        self.completesInSQL = completesInSQL
    }
}
