/// Runs something that stops when it is cancelled, and cancels it at the limit.
enum TimeLimit {
    /// - Returns: nil where it was not done in time.
    static func run<Result: Sendable>(
        _ limit: Duration, _ body: @escaping @Sendable () async -> Result
    ) async -> Result? {
        await withTaskGroup(of: Result?.self) { group in
            group.addTask { await body() }
            group.addTask {
                try? await Task.sleep(for: limit)
                return nil
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
    }
}
