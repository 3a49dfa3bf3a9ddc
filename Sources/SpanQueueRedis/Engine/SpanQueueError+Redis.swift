import HiredisClient
import SpanQueue

extension SpanQueueError {
    /// An error of the Redis client in the engine's words.
    init(_ error: RedisError) {
        let code: Code =
            switch error.code {
            case .connectionLost, .unreachable, .overloaded, .cancelled: .unavailable
            case .loading, .busy, .tryAgain, .masterDown, .readOnly: .unavailable
            case .timeout: .timeout
            case .closed: .closed
            case .outOfMemory: .outOfMemory
            case .authentication: .denied
            case .noScript, .wrongType, .protocolViolation, .other: .engine
            }
        self.init(code, error.message, mayHaveRun: error.mayHaveRun, underlying: error)
    }

    /// A reply that is not what its script promises.
    static func unexpectedReply(_ script: String, _ problem: any Error) -> SpanQueueError {
        SpanQueueError(
            .engine, "Redis' reply to \(script) can't be read: \(problem)", mayHaveRun: true, underlying: problem)
    }
}

extension RedisError.Code {
    /// A word for it that is one of few: that of the server's own errors is their first word.
    var label: String {
        switch self {
        case .connectionLost: "connection_lost"
        case .unreachable: "unreachable"
        case .timeout: "timeout"
        case .cancelled: "cancelled"
        case .closed: "closed"
        case .overloaded: "overloaded"
        case .outOfMemory: "OOM"
        case .readOnly: "READONLY"
        case .loading: "LOADING"
        case .busy: "BUSY"
        case .tryAgain: "TRYAGAIN"
        case .masterDown: "MASTERDOWN"
        case .noScript: "NOSCRIPT"
        case .authentication: "NOAUTH"
        case .wrongType: "WRONGTYPE"
        case .protocolViolation: "protocol"
        case .other(let prefix): NameRule.queue.allows(prefix) && prefix.utf8.count <= 32 ? prefix : "_OTHER"
        }
    }
}
