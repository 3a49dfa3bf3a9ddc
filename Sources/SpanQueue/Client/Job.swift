// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// A unit of work that an application can put on a queue: a value that is encoded as JSON at enqueue and decoded for its
/// handler.
///
/// ```swift
/// struct WelcomeEmail: Job {
///     static let jobType = "email:welcome"
///     var userID: Int
/// }
/// ```
public protocol Job: Codable, Sendable {
    /// The name under which handlers find it: 1 to 128 of `A-Z a-z 0-9 _ . : / -`. It is stored with each job, so it must not
    /// change while jobs of it are waiting.
    static var jobType: String { get }
    /// The options of every job of this type, before those given at enqueue. None by default.
    static var options: [EnqueueOption] { get }
    /// The type of `retryPolicy`: a `RetryPolicy`, `any RetryPolicy`, or an optional one. Found from what you write there.
    associatedtype Policy: Sendable = (any RetryPolicy)?
    /// How long failed jobs of this type wait for their next attempt, unless the job itself says so. By default the worker's
    /// policy.
    ///
    /// ```swift
    /// static let retryPolicy = Backoff.constant(.minutes(5))
    /// ```
    static var retryPolicy: Policy { get }
}

extension Job {
    /// No options.
    public static var options: [EnqueueOption] { [] }
    /// The worker's policy.
    public static var retryPolicy: (any RetryPolicy)? { nil }

    /// The policy in whatever way it was given.
    static func checkedRetryPolicy() throws(SpanQueueError) -> (any RetryPolicy)? {
        let given: Any = retryPolicy
        if let policy = given as? any RetryPolicy { return policy }
        if Mirror(reflecting: given).displayStyle == .optional, Mirror(reflecting: given).children.isEmpty {
            return nil
        }
        throw .invalidArgument(
            "the retryPolicy of \(jobType) is a \(Swift.type(of: given)): use a Backoff or another RetryPolicy")
    }
}
