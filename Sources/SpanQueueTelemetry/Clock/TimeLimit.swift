// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// Runs something that stops when it is cancelled, and cancels it at the limit.
package enum TimeLimit {
    private enum Outcome<Value: Sendable, Failure: Error>: Sendable {
        case done(Result<Value, Failure>)
        case late
        /// The caller was cancelled, and so was the timer: what counts is how the body takes it.
        case cancelled
    }

    /// - Returns: nil where it was not done in time.
    /// - Throws: what the body throws, within the limit.
    package static func run<Value: Sendable, Failure: Error>(
        _ limit: Duration, _ body: @escaping @Sendable () async throws(Failure) -> Value
    ) async throws(Failure) -> Value? {
        let result = await withTaskGroup(of: Outcome<Value, Failure>.self) { group -> Result<Value, Failure>? in
            group.addTask {
                do throws(Failure) {
                    return .done(.success(try await body()))
                } catch {
                    return .done(.failure(error))
                }
            }
            group.addTask { (try? await Task.sleep(for: limit)) == nil ? .cancelled : .late }
            defer { group.cancelAll() }
            for await outcome in group {
                switch outcome {
                case .done(let result): return result
                case .late: return nil
                case .cancelled: continue
                }
            }
            return nil
        }
        return try result?.get()
    }
}
