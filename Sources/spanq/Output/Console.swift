import Foundation

/// Where commands write: results to stdout, everything else to stderr, and whether a person is looking.
enum Console {
    /// Writes one line, or several, to stdout at once.
    static func print(_ text: String) {
        // A reader that has gone away (`| head`) ends the program by SIGPIPE, as is the custom; nothing else can be done here.
        try? FileHandle.standardOutput.write(contentsOf: Data((text + "\n").utf8))
    }

    /// Writes a line to stderr.
    static func note(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data((text + "\n").utf8))
    }

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
        try? FileHandle.standardError.write(contentsOf: Data("\(question) [y/N] ".utf8))
        let answer = readLine()?.trimmingCharacters(in: .whitespaces).lowercased()
        return answer == "y" || answer == "yes"
    }
}
