// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

extension JobQueue {
    /// Waits until a job has completed, and gives the result that its handler has set.
    ///
    /// It looks at the job's record: at first after 20 ms, then ever more seldom, after three seconds once a second. A call to the engine
    /// that fails is made again, until `limit` is over.
    ///
    /// - Parameters:
    ///   - receipt: of the enqueue; that of a duplicate stands for the job that is there.
    ///   - type: what the handler passed to `JobContext.setResult(_:)`.
    ///   - limit: for how long; 30 seconds by default.
    /// - Throws: `.jobFailed` where the job is dead or was cancelled, with its last error; `.notFound` where its record is gone, as
    ///   after `.retention(for: .zero)`, or has no result; `.timeout` where the job has not ended by then; `CancellationError`; what the
    ///   coder throws where the result is not such a value.
    public func result<Value: Decodable>(
        of receipt: EnqueueReceipt, as type: Value.Type = Value.self, within limit: Duration = .seconds(30)
    ) async throws -> Value {
        let record = try await completion(of: receipt, within: limit)
        guard let value = try record.result(as: type, using: configuration.coding) else {
            throw SpanQueueError(.notFound, "job \(receipt.id) completed without a result: its handler set none")
        }
        return value
    }

    /// Waits until a job has completed, and gives its record. See `result(of:as:within:)`.
    @discardableResult
    public func completion(
        of receipt: EnqueueReceipt, within limit: Duration = .seconds(30)
    ) async throws -> JobRecord {
        let deadline = ContinuousClock.now + limit
        var pace = LookingPace()
        while true {
            var state = "not known"
            do {
                let record = try await job(receipt.id, in: receipt.queue)
                if let record = try Self.ended(record, receipt) { return record }
                state = record?.state.rawValue ?? state
            } catch let error as SpanQueueError where !error.isFinal && !error.isAnswer {
                if ContinuousClock.now >= deadline { throw error }
            }
            let left = deadline - ContinuousClock.now
            guard left > .zero else {
                throw SpanQueueError(
                    .timeout,
                    "job \(receipt.id) has not ended within \(DurationText.format(limit)): it is \(state)")
            }
            try await Task.sleep(for: min(pace.next(), left))
        }
    }

    /// - Returns: nil where the job has not ended.
    private static func ended(_ record: JobRecord?, _ receipt: EnqueueReceipt) throws(SpanQueueError) -> JobRecord? {
        guard let record else {
            throw SpanQueueError(
                .notFound, "job \(receipt.id) is gone: it has ended and is not kept any more, or was removed")
        }
        switch record.state {
        case .completed: return record
        case .dead, .cancelled:
            let why = record.run.lastError ?? record.run.endReason ?? ""
            throw SpanQueueError(.jobFailed, "job \(receipt.id) is \(record.state)\(why.isEmpty ? "" : ": \(why)")")
        default: return nil
        }
    }
}

/// How long to wait between two looks at a job: 20 ms, then half as long again each time, up to a second. So there are 13 looks in the
/// first three seconds, and one a second from then on.
struct LookingPace {
    private var latest: Duration?

    mutating func next() -> Duration {
        let pause = min(latest.map { $0 * 3 / 2 } ?? .milliseconds(20), .seconds(1))
        latest = pause
        return pause
    }
}

extension SpanQueueError {
    /// Whether it is what a caller waited for, and no failure of the engine.
    fileprivate var isAnswer: Bool { code == .notFound || code == .jobFailed }
}
