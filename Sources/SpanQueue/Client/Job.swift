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
    ///
    /// ```swift
    /// static let options: [EnqueueOption] = [.maxRetries(5), .retryPolicy(.constant(.minutes(5)))]
    /// ```
    static var options: [EnqueueOption] { get }
}

extension Job {
    /// No options.
    public static var options: [EnqueueOption] { [] }
}
