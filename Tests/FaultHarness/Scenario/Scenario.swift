// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// A fault on real processes, and what must hold under it.
package struct Scenario: Sendable, CustomStringConvertible {
    package enum Size: Sendable {
        /// For every run of the tests: seconds.
        case quick
        /// The figures of the fault table.
        case full
    }

    package let name: String
    /// The fault, in words, for the report.
    package let fault: String
    /// Whether it is in the quick selection; the others only make sense at full size.
    package let isQuick: Bool
    private let body: @Sendable (Size) async throws -> [Figure]

    package var description: String { name }

    init(
        _ name: String, _ fault: String, isQuick: Bool = true,
        _ body: @escaping @Sendable (Size) async throws -> [Figure]
    ) {
        self.name = name
        self.fault = fault
        self.isQuick = isQuick
        self.body = body
    }

    package func run(_ size: Size) async throws -> [Figure] { try await body(size) }

    /// On Redis; those on Postgres are ``onPostgres``.
    package static let all: [Scenario] =
        [
            kills, zombies, races, massExpiry, tenLeases, restarts, flushedScripts, busyServer, failover, lostReplies,
            clockSteps, crowd, bulkWaves, poisonedQueue, resets, latency, smallPieces, fullMemory, sweeping,
            secondSignal, stalledStderr,
            fullDisk, jobTypes, canary, throughput,
        ] + durability
}
