// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HiredisClient
import SpanQueue

extension SpanQueueError {
    /// An error of the Redis client in the engine's words.
    init(_ error: RedisError) {
        let code: Code =
            switch error.code {
            case .connectionLost, .unreachable, .cancelled: .unavailable
            case .overloaded: .overloaded
            case .loading, .busy, .tryAgain, .masterDown, .unblocked, .readOnly, .noReplicas, .cannotSave,
                .clusterDown:
                .unavailable
            case .unsupported: .unsupported
            case .unknownService: .invalidArgument
            case .timeout, .late: .timeout
            case .closed: .closed
            case .outOfMemory: .outOfMemory
            case .authentication, .tls: .denied
            case .other("USES"), .other("DOOR"): .unsupported
            case .other("STATE"), .other("PAUSE"): .invalidState
            case .noScript, .wrongType, .protocolViolation, .other: .engine
            }
        self.init(
            code, error.advice ?? error.message, mayHaveRun: error.mayHaveRun && !error.isRefusal, underlying: error)
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

    /// Whether a script of ours says by it that it has done nothing.
    var isRefusal: Bool {
        switch code {
        case .other("USES"), .other("DOOR"), .other("STATE"), .other("LOCK"), .other("PAUSE"): true
        default: false
        }
    }

    /// What a refusal means to people; nil for other errors, which say it themselves.
    fileprivate var advice: String? {
        let words = message.split(separator: " ", maxSplits: 2)
        let detail = words.count > 1 ? words[1] : ""
        return switch code {
        case .other("USES"):
            "the queue uses features that this version of SpanQueue does not know (bits \(detail)): upgrade it"
        case .other("DOOR"):
            "jobs can't be added to the queue in this way (its door is \"\(Excerpt.printable(String(detail), limit: 80))\"): "
                + "upgrade SpanQueue, or enqueue as its other producers do"
        default: nil
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
        case .unblocked: "UNBLOCKED"
        case .noScript: "NOSCRIPT"
        case .authentication: "NOAUTH"
        case .tls: "tls"
        case .unknownService: "unknown_service"
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
