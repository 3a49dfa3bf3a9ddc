// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue

/// What the telemetry tests have done in thousands.
struct Count: Job {
    static let jobType = "test:count"

    enum Way: String, Codable, Sendable {
        /// Succeeds, after so many failures.
        case work
        /// Fails for good.
        case permanent
        /// Waits until it is cancelled.
        case hold
    }

    var way = Way.work
    var failures = 0
}

/// Enqueues jobs, of which each tenth fails once.
struct Spread: Job {
    static let jobType = "test:spread"
    var jobs = 0
}
