// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// What went wrong with a call: a code for programs, a message that tells people what to do, and whether the call may have had its
/// effect. A cancelled call throws `CancellationError` instead.
package struct PostgresError: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Code: Sendable, Hashable {
        /// The connection broke after the call was sent.
        case connectionLost
        /// There was no connection before the deadline.
        case unreachable
        /// Sent, and not answered in time.
        case timeout
        /// Only for observers: callers get a `CancellationError`.
        case cancelled
        /// The client was closed.
        case closed
        /// Too much is waiting already.
        case overloaded
        /// Class 53: no memory, disk or connections left.
        case outOfResources
        /// 25006: a standby, or a database that takes no writes.
        case readOnly
        /// 40001, 40P01, 55P03: other transactions were in the way; nothing of the call stayed.
        case conflict
        /// Class 28, 42501: credentials or rights.
        case authentication
        /// 3F000, 42P01, 42883: the schema, a table or a function is not there.
        case noSchema
        /// The server can't do what we need.
        case unsupported
        /// A reply is not what its call promises.
        case protocolViolation
        /// Any other error of the server, by its SQLSTATE.
        case other(String)
    }

    package var code: Code
    package var message: String
    /// Whether the call may have had its effect: it was sent, and nothing proves that its transaction was rolled back.
    package var mayHaveRun: Bool

    package init(_ code: Code, _ message: String, mayHaveRun: Bool = false) {
        self.code = code
        self.message = message
        self.mayHaveRun = mayHaveRun
    }

    package var description: String { message }
}

extension PostgresError {
    /// Longest part of a server's text that is kept, in bytes.
    private static let textLimit = 512

    /// An error that the server answered with. Its transaction is rolled back, so nothing of the call has stayed; but where the server
    /// goes away in the middle of a call, the last word on it may be lost.
    package init(sqlState: String, text: some StringProtocol) {
        let text = String(decoding: text.utf8.prefix(Self.textLimit), as: UTF8.self)
        let code = Code(sqlState: sqlState)
        self.init(code, "\(text) (SQLSTATE \(sqlState))\(code.advice)", mayHaveRun: code == .connectionLost)
    }

    /// What libpq says of a connection that did not come about: in words alone.
    init(connecting text: some StringProtocol) {
        var text = String(decoding: text.utf8.prefix(Self.textLimit), as: UTF8.self)
        text = text.split(whereSeparator: \.isNewline).map { $0.trimmingPrefix(while: \.isWhitespace) }
            .joined(separator: "; ")
        let isRefused = ["password", "pg_hba.conf", "certificate", "does not exist", "not permitted to log in"]
        let isHopeless =
            text.contains("invalid ") && text.contains(" value") || isRefused.contains { text.contains($0) }
        // A socket that is not there may come.
        let mayCome = text.contains("No such file or directory") && text.contains("running")
        self.init(isHopeless && !mayCome ? .authentication : .unreachable, text)
    }

    /// Whether no wait is going to help, and somebody has to change the settings: of an attempt to connect.
    var isHopeless: Bool {
        switch code {
        case .authentication, .unsupported: true
        default: false
        }
    }

    /// Whether the connection is of no further use.
    var endsConnection: Bool { code == .connectionLost || code == .readOnly }
}

extension PostgresError.Code {
    /// By the five letters of a SQLSTATE.
    package init(sqlState: String) {
        switch sqlState {
        case "57P01", "57P02", "57P03", "57P05": self = .connectionLost
        case "25006": self = .readOnly
        case "40001", "40P01", "55P03": self = .conflict
        case "42501": self = .authentication
        case "3F000", "42P01", "42883": self = .noSchema
        case "57014": self = .timeout
        case "0A000": self = .unsupported
        default:
            switch sqlState.prefix(2) {
            case "08": self = .connectionLost
            case "28": self = .authentication
            case "53": self = .outOfResources
            default: self = .other(sqlState)
            }
        }
    }

    /// A word for it that is one of few.
    package var label: String {
        switch self {
        case .connectionLost: "connection_lost"
        case .unreachable: "unreachable"
        case .timeout: "timeout"
        case .cancelled: "cancelled"
        case .closed: "closed"
        case .overloaded: "overloaded"
        case .outOfResources: "out_of_resources"
        case .readOnly: "read_only"
        case .conflict: "conflict"
        case .authentication: "denied"
        case .noSchema: "no_schema"
        case .unsupported: "unsupported"
        case .protocolViolation: "protocol"
        case .other(let state): state.utf8.count == 5 && state.utf8.allSatisfy(isStateByte) ? state : "_OTHER"
        }
    }

    fileprivate var advice: String {
        switch self {
        case .readOnly: "; this is a standby: connect to the primary"
        case .authentication: "; check the user, and its rights"
        case .outOfResources: "; free memory, disk or connections of the server"
        default: ""
        }
    }
}

private func isStateByte(_ byte: UInt8) -> Bool {
    UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte || UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte
}
