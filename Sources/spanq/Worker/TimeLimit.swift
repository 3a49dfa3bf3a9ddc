import SpanQueue

/// Ends an attempt that takes too long.
enum TimeLimit {
    static func run(_ limit: Duration, _ body: @escaping @Sendable () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await body() }
            group.addTask {
                try await Task.sleep(for: limit)
                throw SpanQueueError(.timeout, "the attempt took longer than \(DurationText.format(limit))")
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }
}
