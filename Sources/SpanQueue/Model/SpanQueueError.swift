// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// An error of SpanQueue, with a code that a program can switch on and a message that tells a person what to do.
public struct SpanQueueError: Error, Sendable, CustomStringConvertible {
    /// What kind of error it is.
    public struct Code: RawRepresentable, Sendable, Hashable {
        /// A word of lower-case letters and underscores.
        public let rawValue: String

        /// Takes a code by its word.
        public init(rawValue: String) { self.rawValue = rawValue }

        /// An argument is out of its bounds; nothing was sent.
        public static let invalidArgument = Code(rawValue: "invalid_argument")
        /// A payload, result or batch is too large; nothing was sent.
        public static let tooLarge = Code(rawValue: "too_large")
        /// The id is taken by a job with other content.
        public static let conflict = Code(rawValue: "conflict")
        /// There is no such job.
        public static let notFound = Code(rawValue: "not_found")
        /// The job's state does not allow this.
        public static let invalidState = Code(rawValue: "invalid_state")
        /// The job that was waited for is dead, or was cancelled.
        public static let jobFailed = Code(rawValue: "job_failed")
        /// The claim is no longer this worker's.
        public static let leaseLost = Code(rawValue: "lease_lost")
        /// The engine can't be reached.
        public static let unavailable = Code(rawValue: "unavailable")
        /// The engine did not answer in time; whether it acted, `mayHaveRun` says.
        public static let timeout = Code(rawValue: "timeout")
        /// Too much waits for the engine already: nothing was done. Try again later.
        public static let overloaded = Code(rawValue: "overloaded")
        /// The engine has no memory left for new work.
        public static let outOfMemory = Code(rawValue: "out_of_memory")
        /// The engine refuses us: credentials or rights.
        public static let denied = Code(rawValue: "denied")
        /// The engine's version or configuration can't be worked with.
        public static let unsupported = Code(rawValue: "unsupported")
        /// A record can't be read.
        public static let corruptRecord = Code(rawValue: "corrupt_record")
        /// The engine answered with an error of its own.
        public static let engine = Code(rawValue: "engine")
        /// The queue or the worker has been shut down.
        public static let closed = Code(rawValue: "closed")
    }

    /// What kind of error it is.
    public var code: Code
    /// What is wrong and what to do, in one line without secrets.
    public var message: String
    /// Whether the engine may have acted although the call failed.
    public var mayHaveRun: Bool
    /// What caused it.
    public var underlying: (any Error)?

    /// Makes an error.
    public init(_ code: Code, _ message: String, mayHaveRun: Bool = false, underlying: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.mayHaveRun = mayHaveRun
        self.underlying = underlying
    }

    /// The message.
    public var description: String { message }

    static func invalidArgument(_ message: String) -> SpanQueueError {
        SpanQueueError(.invalidArgument, message)
    }
}

/// A name for an error that is fit for a label: there are as many as the program has error types.
enum ErrorType {
    static func name(of error: any Error) -> String {
        if error is CancellationError { return "cancelled" }
        if let error = error as? SpanQueueError { return error.code.rawValue }
        if let error = error as? any NamedError { return error.errorType }
        return String(String(describing: Swift.type(of: error)).prefix(64))
    }
}

/// An error that names its own kind: a word that is one of few.
package protocol NamedError: Error {
    /// The word.
    var errorType: String { get }
}
