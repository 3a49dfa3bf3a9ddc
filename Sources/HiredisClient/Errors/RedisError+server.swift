// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

extension RedisError {
    /// Longest part of a server's text that is kept, in bytes.
    private static let textLimit = 512

    /// An error reply. Its first word is the code.
    init(serverText text: some Collection<UInt8>) {
        var text = String(decoding: text.prefix(Self.textLimit), as: UTF8.self)
        // "unknown command 'X', with args beginning with: …" repeats what may be a payload or a password.
        if let echo = text.firstRange(of: ", with args beginning with") { text = String(text[..<echo.lowerBound]) }
        let prefix = String(text.prefix { $0 != " " })
        let isUnknown =
            text.hasPrefix("ERR unknown command") || text.hasPrefix("ERR Protocol error: invalid bulk length")
        let code = isUnknown ? .unsupported : Code(serverPrefix: prefix)
        // A script that fails half-way has written what it has written. The others are refusals up front.
        var mayHaveRun = false
        if case .other = code { mayHaveRun = true }
        // Some of the server's texts are sentences.
        let sentence = text.hasSuffix(".") ? String(text.dropLast()) : text
        let isElsewhere = prefix == "MOVED" || prefix == "ASK"
        let advice =
            isElsewhere ? "; this is a node of a Redis Cluster: use a Redis that is not part of one" : code.advice
        self.init(code, sentence + advice, mayHaveRun: mayHaveRun)
    }

    /// Whether no wait is going to help, and somebody has to change the settings: of an attempt to connect.
    var isHopeless: Bool {
        switch code {
        case .authentication, .tls, .unknownService, .unsupported: true
        default: false
        }
    }

    /// Whether a wait may help and the server says that it has not run the command. A script meets these before its first write.
    var isTransient: Bool {
        switch code {
        case .loading, .busy, .tryAgain, .masterDown, .readOnly, .noReplicas, .clusterDown: true
        default: false
        }
    }
}

extension RedisError.Code {
    init(serverPrefix: String) {
        switch serverPrefix {
        case "OOM": self = .outOfMemory
        case "READONLY": self = .readOnly
        case "LOADING": self = .loading
        case "BUSY": self = .busy
        case "LATE": self = .late
        case "TRYAGAIN": self = .tryAgain
        case "MASTERDOWN": self = .masterDown
        case "UNBLOCKED": self = .unblocked
        case "NOSCRIPT": self = .noScript
        case "NOAUTH", "WRONGPASS", "NOPERM": self = .authentication
        case "WRONGTYPE": self = .wrongType
        case "NOREPLICAS": self = .noReplicas
        case "MISCONF": self = .cannotSave
        case "CLUSTERDOWN": self = .clusterDown
        case "MOVED", "ASK", "CROSSSLOT": self = .unsupported
        default: self = .other(serverPrefix)
        }
    }

    fileprivate var advice: String {
        switch self {
        case .outOfMemory: "; free memory, or raise maxmemory"
        case .authentication: "; check user and password in the Redis URL, and the user's ACL rules"
        case .busy: "; a script is running for too long"
        case .readOnly: "; this is a replica: connect to the primary"
        default: ""
        }
    }
}
