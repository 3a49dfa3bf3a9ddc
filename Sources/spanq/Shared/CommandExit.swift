import SpanQueue

/// The exit codes of every command.
enum CommandExit: Int32 {
    /// It did what it was asked.
    case done = 0
    /// It could not, for a reason that its error tells.
    case failed = 1
    /// A flag, an argument, a variable or the configuration file can't be used; nothing was done.
    case usage = 2
    /// There is no such job or queue.
    case notFound = 3
    /// Redis is out of reach, refuses us, or can't be worked with.
    case unreachable = 4

    /// The address to serve /metrics on can't be had: it is taken, not ours, or not allowed.
    case addressTaken = 5

    init(_ code: SpanQueueError.Code) {
        switch code {
        case .invalidArgument, .tooLarge: self = .usage
        case .notFound: self = .notFound
        case .unavailable, .timeout, .denied, .unsupported, .outOfMemory, .overloaded: self = .unreachable
        default: self = .failed
        }
    }
}
