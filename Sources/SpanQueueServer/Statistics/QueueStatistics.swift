// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

public import SpanQueue
package import SpanQueueAdmin

/// What /stats answers: the state of all queues, of which the first 240 by name are shown.
public struct QueueStatistics: Sendable, Encodable {
    package let view: StatsView

    /// Reads them from a queue's engine.
    public static func read(_ queue: JobQueue) async throws -> QueueStatistics {
        QueueStatistics(view: try await Admin(queue).stats())
    }

    /// Writes them as docs/cli.md has them.
    public func encode(to encoder: any Encoder) throws {
        try view.encode(to: encoder)
    }
}
