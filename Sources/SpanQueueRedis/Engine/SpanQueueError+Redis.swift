import HiredisClient
import SpanQueue

extension SpanQueueError {
    /// An error of the Redis client in the engine's words.
    init(_ error: RedisError) {
        let code: Code =
            switch error.code {
            case .connectionLost, .unreachable, .cancelled: .unavailable
            case .overloaded: .overloaded
            case .loading, .busy, .tryAgain, .masterDown, .readOnly, .noReplicas, .cannotSave, .clusterDown:
                .unavailable
            case .unsupported: .unsupported
            case .timeout, .late: .timeout
            case .closed: .closed
            case .outOfMemory: .outOfMemory
            case .authentication, .tls: .denied
            case .noScript, .wrongType, .protocolViolation, .other: .engine
            }
        self.init(code, error.message, mayHaveRun: error.mayHaveRun, underlying: error)
    }

    /// The same of a call that was spared, since another one had failed.
    init(_ error: RedisError, mayHaveRun: Bool) {
        self.init(error)
        self.mayHaveRun = mayHaveRun
    }

    /// A reply that is not what its script promises.
    static func unexpectedReply(_ script: String, _ problem: any Error) -> SpanQueueError {
        SpanQueueError(
            .engine, "Redis' reply to \(script) can't be read: \(problem)", mayHaveRun: true, underlying: problem)
    }
}

extension RedisError {
    /// Whether Redis found the call to be late by its clock, and did nothing.
    var isLate: Bool { code == .late }

    /// Whether Redis takes no writes now, and did not run this one.
    var isRefusedWrite: Bool {
        switch code {
        case .outOfMemory, .readOnly, .noReplicas, .cannotSave: true
        default: false
        }
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
        case .late: "LATE"
        case .tryAgain: "TRYAGAIN"
        case .masterDown: "MASTERDOWN"
        case .noScript: "NOSCRIPT"
        case .authentication: "NOAUTH"
        case .tls: "tls"
        case .wrongType: "WRONGTYPE"
        case .noReplicas: "NOREPLICAS"
        case .cannotSave: "MISCONF"
        case .clusterDown: "CLUSTERDOWN"
        case .unsupported: "unsupported"
        case .protocolViolation: "protocol"
        case .other(let prefix): NameRule.queue.allows(prefix) && prefix.utf8.count <= 32 ? prefix : "_OTHER"
        }
    }
}
