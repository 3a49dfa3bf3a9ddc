// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// What an engine has that keeps count of errors by group. Workers add to it with their heartbeat, not with each attempt.
package protocol ErrorStore: EngineCore {
    /// Adds to the counts of a queue; at most 100 groups a call.
    ///
    /// - Parameter version: that of the worker, for the groups to show.
    func add(_ errors: [ErrorCount], to queue: String, version: String) async throws
    /// The groups of a queue; in no order.
    func errors(in queue: String) async throws -> [ErrorGroup]
}

/// How often attempts ended in one kind of error, since the last time that somebody was told.
package struct ErrorCount: Sendable, Hashable {
    package var fingerprint: UInt64
    package var jobType: String
    package var errorType: String
    /// The error's text with what differs from one to the next masked.
    package var masked: String
    package var count: Int

    package init(fingerprint: UInt64, jobType: String, errorType: String, masked: String, count: Int = 1) {
        self.fingerprint = fingerprint
        self.jobType = jobType
        self.errorType = errorType
        self.masked = masked
        self.count = count
    }
}

/// Errors of a queue that are alike.
package struct ErrorGroup: Sendable, Hashable {
    package var queue: String
    /// Nil for the rest: groups that gave way to newer ones.
    package var fingerprint: UInt64?
    package var jobType: String
    package var errorType: String
    /// The text with what differs masked.
    package var masked: String
    /// How many attempts ended in it.
    package var count: Int
    /// By the engine's clock, when it was first told of it.
    package var firstSeen: Timestamp
    package var lastSeen: Timestamp
    /// That of the worker that told of it last.
    package var version: String

    package init(
        queue: String, fingerprint: UInt64?, jobType: String, errorType: String, masked: String, count: Int,
        firstSeen: Timestamp, lastSeen: Timestamp, version: String
    ) {
        self.queue = queue
        self.fingerprint = fingerprint
        self.jobType = jobType
        self.errorType = errorType
        self.masked = masked
        self.count = count
        self.firstSeen = firstSeen
        self.lastSeen = lastSeen
        self.version = version
    }
}

/// The errors of one queue that a worker has not told of yet.
package struct ErrorTally: Sendable {
    /// The most groups that are told of at once. What comes beyond is counted with the next ones.
    package static let mostGroups = 100

    private var counts: [UInt64: ErrorCount] = [:]

    package init() {}

    package var isEmpty: Bool { counts.isEmpty }

    /// Counts the error of an attempt, where it has one. Beyond the most groups new ones are left out: whoever fails in a hundred ways within
    /// ten seconds is known by these.
    package mutating func add(_ settlement: Settlement) {
        guard let fingerprint = settlement.report.fingerprint else { return }
        if counts[fingerprint] != nil {
            counts[fingerprint]?.count += 1
        } else if counts.count < Self.mostGroups {
            let (type, report) = (settlement.job.message.type, settlement.report)
            let print = ErrorFingerprint(jobType: type, errorType: report.errorType, error: report.error ?? "")
            counts[fingerprint] = ErrorCount(
                fingerprint: fingerprint, jobType: type, errorType: report.errorType ?? "", masked: print.masked)
        }
    }

    /// What there is, which is then told.
    package mutating func take() -> [ErrorCount] {
        defer { counts = [:] }
        return Array(counts.values)
    }

    /// Puts back what could not be told.
    package mutating func add(_ untold: [ErrorCount]) {
        for one in untold {
            if counts[one.fingerprint] != nil {
                counts[one.fingerprint]?.count += one.count
            } else if counts.count < Self.mostGroups {
                counts[one.fingerprint] = one
            }
        }
    }
}
