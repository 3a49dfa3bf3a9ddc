/// How a handler ended, before it is decided what that means for the job.
enum AttemptResult: Sendable {
    /// It returned.
    case returned
    /// It threw.
    case threw(any Error)
    /// It was not run: the payload can't be decoded.
    case undecodable(String)
    /// It was not run: no handler is registered for the type.
    case unknownType
    /// It was not run: the job's deadline has passed.
    case expired
    /// It was not run: the claim came when the worker was told to stop, or when no slot was free.
    case notStarted

    /// Whether the application's code ran, so that there is a time to measure.
    var ranHandler: Bool {
        switch self {
        case .returned, .threw: true
        case .undecodable, .unknownType, .expired, .notStarted: false
        }
    }
}

/// Why the worker cancelled a handler.
enum CancelCause: Sendable, Equatable {
    /// The attempt ran longer than its timeout.
    case timeout
    /// A person called the job off.
    case cancelRequested
    /// The lease is lost: another worker may have the job.
    case leaseLost
    /// The worker is being shut down.
    case drain
}

/// A payload that is not what its type says. Thrown by typed handlers before the application's code runs.
struct UndecodablePayload: Error {
    let problem: String
}

/// What a handler throws that was ended from outside because the whole worker is to end: the job is given back, and no attempt is
/// charged.
package struct JobReleased: Error {
    /// It says nothing more.
    package init() {}
}
