import SpanQueue

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// A program that was found and may be run.
struct Program: Sendable, Hashable {
    /// Where it is.
    let path: String
    /// Its arguments, the name by which it was called first.
    let arguments: [String]

    init(command: String) throws(SpanQueueError) {
        let words: [String]
        do throws(CommandWords.Problem) {
            words = try CommandWords.split(command)
        } catch {
            throw SpanQueueError(.invalidArgument, "the command \(Self.shown(command)) can't be run: \(error)")
        }
        self.path = try Self.resolve(words[0])
        self.arguments = words
    }

    /// As a shell does (XCU section 2.9.1.1): a name with a slash is a path, any other is looked for in `PATH`.
    private static func resolve(_ name: String) throws(SpanQueueError) -> String {
        var candidates = [name]
        if !name.contains("/") {
            let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/local/bin:/usr/bin:/bin"
            candidates = path.split(separator: ":", omittingEmptySubsequences: false).map {
                ($0.isEmpty ? "." : $0) + "/" + name
            }
        }
        var problem = "there is no program \(shown(name))"
        for candidate in candidates {
            var status = stat()
            guard stat(candidate, &status) == 0 else { continue }
            if status.st_mode & S_IFMT != S_IFREG {
                problem = "\(shown(candidate)) is not a file"
            } else if access(candidate, X_OK) != 0 {
                problem = "\(shown(candidate)) may not be executed: try `chmod +x`"
            } else {
                return candidate
            }
        }
        let place = name.contains("/") ? "" : " in PATH: give its path if it is elsewhere"
        throw SpanQueueError(.invalidArgument, problem + (problem.hasPrefix("there") ? place : ""))
    }

    private static func shown(_ text: String) -> String {
        Excerpt.printable(text, limit: 200)
    }
}
