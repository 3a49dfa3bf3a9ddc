// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueue

/// What ends a command without success: one line that says what to do, and the exit code.
package struct CommandFailure: Error, CustomStringConvertible {
    package let code: CommandExit
    package let message: String

    package var description: String { message }

    package init(code: CommandExit, message: String) {
        self.code = code
        self.message = message
    }

    package static func usage(_ message: String) -> CommandFailure {
        CommandFailure(code: .usage, message: message)
    }
    package static func notFound(_ message: String) -> CommandFailure {
        CommandFailure(code: .notFound, message: message)
    }
    package static func failed(_ message: String) -> CommandFailure {
        CommandFailure(code: .failed, message: message)
    }
}

/// The exit codes of every command.
package enum CommandExit: Int32 {
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

    package init(_ code: SpanQueueError.Code) {
        switch code {
        case .invalidArgument, .tooLarge: self = .usage
        case .notFound: self = .notFound
        case .unavailable, .timeout, .denied, .unsupported, .outOfMemory, .overloaded: self = .unreachable
        default: self = .failed
        }
    }
}

/// Keeps secrets out of what is printed.
package enum Masking {
    /// A text with `***` for the password of every URL in it. The last guard before stderr: whoever makes a message keeps
    /// secrets out of it to begin with.
    package static func redact(_ text: String) -> String {
        // By scalars: a sign with a combining mark behind it is still that sign to whoever takes the URL apart.
        text.replacing(/:\/\/([^\/\s"'?#]*)@/.matchingSemantics(.unicodeScalar)) { match in
            let credentials = match.1.unicodeScalars
            let user = String(String.UnicodeScalarView(credentials.prefix { $0 != ":" }))
            return credentials.contains(":") ? "://\(user):***@" : "://\(user)@"
        }
    }

    /// An HTTP URL with `***` for its password and for the values of its query, where tokens are often found.
    package static func url(_ text: String) -> String {
        redact(text).replacing(/([?&][^=&#]*=)[^&#]+/.matchingSemantics(.unicodeScalar)) { "\($0.1)***" }
    }
}
