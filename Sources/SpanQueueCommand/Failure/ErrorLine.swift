// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import ArgumentParser
import SpanQueue

/// Turns whatever a program threw into the one line for stderr and the exit code.
package struct ErrorLine {
    package let text: String
    package let exit: CommandExit

    /// - Parameters:
    ///   - program: whose name stands before the line.
    ///   - root: the program's command, which knows what the parser throws.
    ///   - help: what to type to see what is right.
    package init(_ error: any Error, program: String, root: any ParsableCommand.Type, help: String) {
        let message: String
        switch error {
        case let failure as CommandFailure:
            (message, exit) = (failure.message, failure.code)
        case let error as SpanQueueError:
            (message, exit) = (error.message + Self.remedy(error), CommandExit(error.code))
        case is CancellationError:
            (message, exit) = ("interrupted", .failed)
        default:
            if root.exitCode(for: error) == .validationFailure {
                // The parser tells what is wrong; where to read what is right is added here.
                let sentence = root.message(for: error)
                message = "\(sentence.hasSuffix(".") ? String(sentence.dropLast()) : sentence): see \(help)"
                exit = .usage
            } else {
                (message, exit) = (String(describing: error), .failed)
            }
        }
        let line = message.split(whereSeparator: \.isNewline).map { $0.trimmingPrefix { $0 == " " } }.joined(
            separator: " ")
        text = "\(program): \(Self.harmless(Masking.redact(line)))"
    }

    private static func remedy(_ error: SpanQueueError) -> String {
        guard error.message.hasPrefix("cannot reach") else { return "" }
        return error.message.contains("Postgres")
            ? ": start it, or set --engine-url or SPANQ_URL" : ": start it, or set --redis or SPANQ_REDIS_URL"
    }

    /// Without what a terminal would act on: a message may quote what came from outside. Bounded for the same reason.
    private static func harmless(_ line: String) -> String {
        let shown = line.unicodeScalars.prefix(longest).map { scalar in
            let isSafe = scalar.properties.generalCategory != .control && scalar.properties.generalCategory != .format
            return isSafe ? scalar : "\u{FFFD}"
        }
        return String(String.UnicodeScalarView(shown)) + (line.unicodeScalars.count > longest ? "…" : "")
    }

    /// In Unicode scalars.
    private static let longest = 800
}
