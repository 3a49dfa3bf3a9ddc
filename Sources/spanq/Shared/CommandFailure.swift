import SpanQueue

/// What ends a command without success: one line that says what to do, and the exit code.
struct CommandFailure: Error, CustomStringConvertible {
    let code: CommandExit
    let message: String

    var description: String { message }

    static func usage(_ message: String) -> CommandFailure { CommandFailure(code: .usage, message: message) }
    static func notFound(_ message: String) -> CommandFailure { CommandFailure(code: .notFound, message: message) }
    static func failed(_ message: String) -> CommandFailure { CommandFailure(code: .failed, message: message) }
}
