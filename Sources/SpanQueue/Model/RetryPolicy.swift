// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// How long a failed job waits for its next attempt. How often it is tried is not the policy's affair: that is the job's `maxRetries`.
public struct RetryPolicy: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        case exponential(base: Duration, cap: Duration)
        case constant(Duration)
        case linear(step: Duration, cap: Duration)
    }

    package let kind: Kind

    /// Between nothing and `base` × 2^(attempt − 1), at most `cap`, drawn evenly: "full jitter" (Brooker, "Exponential Backoff
    /// And Jitter", AWS Architecture Blog, 2015).
    public static func exponential(base: Duration, cap: Duration) -> RetryPolicy {
        RetryPolicy(kind: .exponential(base: base, cap: cap))
    }

    /// Always the same.
    public static func constant(_ delay: Duration) -> RetryPolicy { RetryPolicy(kind: .constant(delay)) }

    /// `step` × attempt, at most `cap`.
    public static func linear(step: Duration, cap: Duration) -> RetryPolicy {
        RetryPolicy(kind: .linear(step: step, cap: cap))
    }

    /// Exponential with full jitter from 2 seconds to one hour.
    public static let standard = RetryPolicy.exponential(base: .seconds(2), cap: .hours(1))

    /// The wait before the next attempt; drawn again at each call where there is jitter.
    public func delay(afterAttempt attempt: Int) -> Duration {
        let bound = longestDelay(afterAttempt: attempt)
        guard case .exponential = kind else { return bound }
        return .milliseconds(Int64.random(in: 0...max(0, bound.milliseconds)))
    }

    /// The longest wait that `delay` can give after this attempt.
    public func longestDelay(afterAttempt attempt: Int) -> Duration {
        switch kind {
        case .exponential(let base, let cap):
            // 2^36 × 1 ms is two years, and 2^36 × the longest base still fits a Duration.
            min(cap, base * Int(1 << min(max(attempt - 1, 0), 36)))
        case .constant(let delay):
            delay
        case .linear(let step, let cap):
            min(cap, step * max(attempt, 1))
        }
    }

    /// Refuses what makes no sense, before it is stored.
    func check() throws(SpanQueueError) {
        let parts: [Duration]
        switch kind {
        case .exponential(let base, let cap): parts = [base, cap]
        case .constant(let delay): parts = [delay]
        case .linear(let step, let cap): parts = [step, cap]
        }
        guard parts.allSatisfy({ $0 >= .zero && $0 <= Limits.farthestDelay }) else {
            throw .invalidArgument("the waits of a retry policy must be between 0 and 10 years: \(kind)")
        }
    }
}
