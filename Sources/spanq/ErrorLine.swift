// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import ArgumentParser
import SpanQueue

/// Turns whatever a command threw into the one line for stderr and the exit code.
struct ErrorLine {
    let text: String
    let exit: CommandExit

    /// - Parameter arguments: the command line, which tells whose help to point to.
    init(_ error: any Error, arguments: [String] = []) {
        switch error {
        case let failure as CommandFailure:
            self.init(failure.message, failure.code)
        case let error as SpanQueueError:
            let remedy =
                error.message.hasPrefix("cannot reach")
                ? (error.message.contains("Postgres")
                    ? ": start it, or set --engine-url or SPANQ_URL" : ": start it, or set --redis or SPANQ_REDIS_URL")
                : ""
            self.init(error.message + remedy, CommandExit(error.code))
        case is CancellationError:
            self.init("interrupted", .failed)
        default:
            let isUsage = Spanq.exitCode(for: error) == .validationFailure
            let message = isUsage ? Spanq.message(for: error) : String(describing: error)
            self.init(isUsage ? Self.pointingToHelp(message, arguments) : message, isUsage ? .usage : .failed)
        }
    }

    private init(_ message: String, _ exit: CommandExit) {
        let line = message.split(whereSeparator: \.isNewline).map { $0.trimmingPrefix { $0 == " " } }.joined(
            separator: " ")
        self.text = "spanq: " + Self.harmless(Masking.redact(line))
        self.exit = exit
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

    /// The parser tells what is wrong; where to read what is right is added here.
    private static func pointingToHelp(_ message: String, _ arguments: [String]) -> String {
        let path = ["spanq"] + ArgumentOrder.subcommandNames(arguments)
        let sentence = message.hasSuffix(".") ? String(message.dropLast()) : message
        return "\(sentence): see \(path.joined(separator: " ")) --help"
    }
}
