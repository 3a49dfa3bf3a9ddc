// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// Decides which failures are worth a line: the first of an outage, then one every ten seconds; and whether the end of an
/// outage is. Connections that come and go quickly make no more lines than an outage.
package struct ConnectionLog: Sendable {
    private static let interval = Duration.seconds(10)

    private var lastLine: ContinuousClock.Instant?
    private var unreported = 0
    private var isOutageReported = false

    package init() {}

    /// How many failures the line stands for, itself included; nil if there should be none.
    package mutating func failure(at now: ContinuousClock.Instant) -> Int? {
        unreported += 1
        if let lastLine, lastLine.duration(to: now) < Self.interval { return nil }
        lastLine = now
        isOutageReported = true
        defer { unreported = 0 }
        return unreported
    }

    /// Whether the reader of the log still thinks that there is no connection.
    package mutating func restored() -> Bool {
        defer { isOutageReported = false }
        return isOutageReported
    }
}
