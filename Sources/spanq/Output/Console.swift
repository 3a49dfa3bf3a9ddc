// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueueAdmin
import SpanQueueCommand
import SpanQueueTelemetry
import Synchronization

/// Where commands write: results to stdout, everything else to stderr, and whether a person is looking. All that is printed goes
/// through here, so that none of it is lost unnoticed: `finish` ends every command, and makes a failure of what could not be written.
enum Console {
    private struct State {
        /// Whether nothing waits for the streams: for commands that stay, which a stalled reader must not stop.
        var neverWaits = false
        /// What was done although its result could not be shown.
        var done: String?
        var isProblemTold = false

        /// Why stdout did not take everything.
        ///
        /// - Parameter problem: an `errno`; nil where it only did not take it in time.
        mutating func tell(_ problem: Int32?) -> String {
            isProblemTold = true
            let reason: String
            switch problem {
            case nil: reason = "it takes nothing"
            case EBADF: reason = "it is closed"
            case let problem?: reason = String(cString: strerror(problem))
            }
            return "cannot write to standard output: \(reason)" + (done.map { "; \($0)" } ?? "")
        }
    }

    private static let state = Mutex(State())
    /// How long the end of a command that stays waits for a stream that takes nothing.
    private static let lastWait = Duration.milliseconds(500)
    /// How long it waits for one that does: a busy machine or disk is not a reader that stalls.
    private static let lastPatience = Duration.seconds(5)

    /// Writes one line, or several, to stdout at once.
    ///
    /// - Parameter done: what was done, for the error where this can't be written: nobody would know it otherwise.
    static func print(_ text: String, done: String? = nil) {
        if let done { state.withLock { $0.done = done } }
        StreamWriter.standardOutput.submit(Array((text + "\n").utf8))
        // A reader that has gone away (`| head`) ends the program by SIGPIPE, as is the custom, unless that is ignored.
        if !state.withLock({ $0.neverWaits }) { StreamWriter.standardOutput.flush(within: nil) }
    }

    /// Writes a line to stderr.
    static func note(_ text: String) {
        draw(text + "\n", isRecord: true)
    }

    /// Writes a line to stderr that tells of something that is ignored.
    static func warn(_ text: String) {
        note("spanq: warning: \(text)")
    }

    /// Writes to stderr, without an end of line: a progress bar, a question.
    static func draw(_ text: String, isRecord: Bool = false) {
        StreamWriter.standardError.submit(Array(text.utf8), isRecord: isRecord)
        if !state.withLock({ $0.neverWaits }) { StreamWriter.standardError.flush(within: nil) }
    }

    // MARK: Failures

    /// From now on nothing that is printed is waited for, and a reader that goes away is an error and not the end of the process. For
    /// commands that stay: their work does not depend on who looks.
    static func neverWait() {
        state.withLock { $0.neverWaits = true }
        signal(SIGPIPE, SIG_IGN)
    }

    /// Fails where stdout has failed: for what goes on printing.
    static func check() throws(CommandFailure) {
        guard let problem = StreamWriter.standardOutput.problem else { return }
        throw .failed(state.withLock { $0.tell(problem) })
    }

    /// Gives what was printed some time to be written, where nobody waits for it, and fails as `check` does.
    static func settle() throws(CommandFailure) {
        StreamWriter.standardOutput.flush(within: lastWait, whileReady: lastPatience)
        try check()
    }

    /// Ends the process. What could not be written turns success into failure, and is told in one line, unless it was told before.
    static func finish(_ exit: Int32) -> Never {
        let limit = state.withLock { $0.neverWaits } ? lastWait : nil
        let isWritten = StreamWriter.standardOutput.flush(within: limit, whileReady: lastPatience)
        let problem = StreamWriter.standardOutput.problem
        var code = exit
        if problem != nil || !isWritten {
            if code == CommandExit.done.rawValue { code = CommandExit.failed.rawValue }
            let line: String? = state.withLock { $0.isProblemTold ? nil : $0.tell(problem) }
            if let line { note("spanq: " + line) }
        }
        StreamWriter.standardError.flush(within: limit)
        Foundation.exit(code)
    }

    // MARK: Terminals

    /// Whether stdout is a terminal.
    static var isTerminal: Bool { isatty(1) == 1 }

    /// Whether a person can be asked: stdin and stderr are a terminal.
    static var canAsk: Bool { isatty(0) == 1 && isatty(2) == 1 }

    /// Whether to write control codes (https://no-color.org).
    static var hasStyle: Bool {
        let environment = ProcessInfo.processInfo.environment
        return isTerminal && (environment["NO_COLOR"] ?? "").isEmpty && environment["TERM"] != "dumb"
    }

    /// Whether the locale's characters go beyond ASCII; the variables in the order in which POSIX looks at them.
    static var isUTF8: Bool { isUTF8(ProcessInfo.processInfo.environment) }

    static func isUTF8(_ environment: [String: String]) -> Bool {
        let names = ["LC_ALL", "LC_CTYPE", "LANG"]
        let locale = names.lazy.compactMap { environment[$0] }.first { !$0.isEmpty } ?? "C"
        return locale.uppercased().contains(/UTF-?8/)
    }

    /// The columns of the terminal; nil when stdout is none, which has no bound.
    static var width: Int? {
        guard isTerminal else { return nil }
        var size = winsize()
        guard ioctl(1, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    /// Asks a question on the terminal; true for `y` or `yes`.
    static func confirms(_ question: String) -> Bool {
        draw("\(question) [y/N] ")
        let answer = readLine()?.trimmingCharacters(in: .whitespaces).lowercased()
        return answer == "y" || answer == "yes"
    }
}

/// Writes a value as JSON on one line, by the encoder of all interfaces.
enum JSONLine {
    static func print(_ value: some Encodable) throws {
        Console.print(try AdminJSON.line(value))
    }
}

/// The three descriptors that every program expects to be open.
enum StandardDescriptors {
    /// Takes the numbers of those that were closed (`>&-`), so that no socket gets one of them and is then written to by mistake.
    /// Reading from or writing to what stands there fails, as it would if it were closed. To be called before anything is opened.
    static func reserve() {
        for (descriptor, mode) in [(STDIN_FILENO, O_WRONLY), (STDOUT_FILENO, O_RDONLY), (STDERR_FILENO, O_RDONLY)]
        where fcntl(descriptor, F_GETFD) == -1 {
            // The lowest number that is free, which is this one.
            _ = open("/dev/null", mode)
        }
    }
}
