// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

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

/// Splits a command into words as a POSIX shell quotes them (XCU section 2.2): blanks separate, `'…'` is taken as it stands,
/// in `"…"` a backslash escapes `"`, `\`, `$`, a backquote and the line's end, elsewhere it escapes any character. There is no
/// shell, so nothing is expanded; what a shell would act on, such as an unquoted `|`, is refused rather than passed on.
enum CommandWords {
    enum Problem: Error, Equatable {
        case empty
        case unbalanced(Character)
        case danglingBackslash
        case needsShell(Character)
        case nul
    }

    private static let operators: Set<Character> = ["|", "&", ";", "<", ">", "`"]

    static func split(_ command: String) throws(Problem) -> [String] {
        guard !command.utf8.contains(0) else { throw .nul }
        var words: [String] = []
        var word: String?
        // By scalars: a combining character after a quote would otherwise hide it.
        var rest = command.unicodeScalars.makeIterator()
        while let scalar = rest.next() {
            switch scalar {
            case " ", "\t", "\n", "\r":
                if let finished = word { words.append(finished) }
                word = nil
            case "'":
                word = (word ?? "") + (try singleQuoted(&rest))
            case "\"":
                word = (word ?? "") + (try doubleQuoted(&rest))
            case "\\":
                guard let next = rest.next() else { throw .danglingBackslash }
                if next != "\n" { word = (word ?? "") + String(next) }
            case let other where operators.contains(Character(other)):
                throw .needsShell(Character(other))
            case let other:
                word = (word ?? "") + String(other)
            }
        }
        if let word { words.append(word) }
        guard let program = words.first, !program.isEmpty else { throw .empty }
        return words
    }

    private static func singleQuoted(_ rest: inout String.UnicodeScalarView.Iterator) throws(Problem) -> String {
        var text = String.UnicodeScalarView()
        while let scalar = rest.next() {
            if scalar == "'" { return String(text) }
            text.append(scalar)
        }
        throw .unbalanced("'")
    }

    private static func doubleQuoted(_ rest: inout String.UnicodeScalarView.Iterator) throws(Problem) -> String {
        var text = String.UnicodeScalarView()
        while let scalar = rest.next() {
            if scalar == "\"" { return String(text) }
            guard scalar == "\\" else {
                text.append(scalar)
                continue
            }
            switch rest.next() {
            case "\n": break
            case let escaped? where "\"\\$`".unicodeScalars.contains(escaped): text.append(escaped)
            case let other?:
                text.append("\\")
                text.append(other)
            case nil: throw .unbalanced("\"")
            }
        }
        throw .unbalanced("\"")
    }
}

extension CommandWords.Problem: CustomStringConvertible {
    var description: String {
        switch self {
        case .empty: "it names no program: write the program and its arguments"
        case .unbalanced(let quote): "a \(quote) is opened and not closed"
        case .danglingBackslash: "it ends in a backslash"
        case .needsShell(let character):
            "no shell is run, and \(character) means something to a shell: quote it, or put the command into a script"
        case .nul: "it has a NUL in it"
        }
    }
}
