// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import ArgumentParser
import Foundation
import SpanQueue
import SpanQueueCommand

/// The command line as the system passed it. Swift's own `CommandLine.arguments` puts U+FFFD where bytes are not UTF-8, and so
/// changes them without a word.
///
/// Only a payload is opaque bytes. Names, keys, paths and all other arguments are texts, and are refused where they are not UTF-8.
struct CommandArguments {
    /// One argument that is not UTF-8: it may be a payload, which only the parsed command can tell.
    struct Foreign {
        /// Stands for it while the command line is parsed; no other argument has this text.
        let placeholder: String
        let bytes: [UInt8]
        let refusal: CommandFailure
    }

    /// The arguments after the program's name, the placeholder among them.
    let texts: [String]
    let foreign: Foreign?

    /// Those of the process.
    static func ofProcess() throws(CommandFailure) -> CommandArguments {
        let pointers = UnsafeBufferPointer(start: CommandLine.unsafeArgv, count: Int(CommandLine.argc))
        return try CommandArguments(
            pointers.dropFirst().compactMap { pointer in
                guard let pointer else { return nil }
                var bytes: [UInt8] = []
                var next = pointer
                while next.pointee != 0 {
                    bytes.append(UInt8(bitPattern: next.pointee))
                    next += 1
                }
                return bytes
            })
    }

    /// - Throws: a usage error where two arguments are not UTF-8, or one that can't be a payload.
    init(_ arguments: [[UInt8]]) throws(CommandFailure) {
        var texts = arguments.map { String(decoding: $0, as: UTF8.self) }
        let odd = arguments.indices.filter { String(validating: arguments[$0], as: UTF8.self) == nil }
        guard let place = odd.first else {
            (self.texts, foreign) = (texts, nil)
            return
        }
        let shown = Excerpt.printable(texts[place], limit: 40)
        let refusal = CommandFailure.usage(
            "argument \(place + 1), \"\(shown)\", is not UTF-8: only the payload of spanq enqueue may have any bytes")
        let mayBeOption = texts[place].hasPrefix("-") && !texts[..<place].contains("--")
        guard odd.count == 1, !mayBeOption else { throw refusal }
        var placeholder = "payload"
        while texts.contains(where: { $0.contains(placeholder) }) { placeholder += "\u{FFFD}" }
        texts[place] = placeholder
        self.texts = texts
        foreign = Foreign(placeholder: placeholder, bytes: arguments[place], refusal: refusal)
    }

    /// Gives the bytes to the command whose payload they are.
    ///
    /// - Throws: a usage error where they are anything else, of any command.
    func complete(_ command: inout any ParsableCommand) throws(CommandFailure) {
        guard let foreign else { return }
        guard var enqueue = command as? EnqueueCommand, enqueue.payload == foreign.placeholder else {
            throw foreign.refusal
        }
        enqueue.payloadBytes = foreign.bytes
        command = enqueue
    }
}

/// Lets global options stand before the subcommand too: `spanq --redis URL queue stats`.
enum ArgumentOrder {
    private static let flags: Set<String> = ["--json", "--allow-eviction"]
    private static let options: Set<String> = [
        "--redis", "--engine-url", "--postgres-schema", "--config", "--log-level", "--log-format", "--redis-timeout",
        "--durability",
        "--redis-tls-ca", "--redis-tls-cert", "--redis-tls-key", "--redis-tls-server-name",
        "--redis-sentinel-user", "--redis-sentinel-password", "--redis-sentinel-tls", "--redis-sentinel-tls-ca",
        "--redis-sentinel-tls-cert", "--redis-sentinel-tls-key", "--redis-sentinel-tls-server-name",
    ]

    /// Moves leading global options behind the names of the subcommand.
    static func normalized(_ arguments: [String]) -> [String] {
        var rest = arguments[...]
        var moved: [String] = []
        while let first = rest.first {
            if flags.contains(first) || options.contains(where: { first.hasPrefix($0 + "=") }) {
                moved.append(rest.removeFirst())
            } else if options.contains(first), rest.count > 1 {
                moved += rest.prefix(2)
                rest = rest.dropFirst(2)
            } else {
                break
            }
        }
        let names = subcommandNames(rest)
        return joiningNegatives(names + moved + rest.dropFirst(names.count))
    }

    /// Writes `--delay -5s` as `--delay=-5s`: the parser would take the negative value for an option and say that there is none.
    private static func joiningNegatives(_ arguments: [String]) -> [String] {
        var joined: [String] = []
        for (index, argument) in arguments.enumerated() {
            let isNegative = argument.wholeMatch(of: /-\.?[0-9].*/) != nil
            guard isNegative, let last = joined.last, last.hasPrefix("--"), last != "--", !last.contains("="),
                !arguments[..<index].contains("--")
            else {
                joined.append(argument)
                continue
            }
            joined[joined.count - 1] = "\(last)=\(argument)"
        }
        return joined
    }

    /// Refuses names of commands that do not exist. The parser would show the help of what does, or call them unexpected arguments.
    static func checkNames(_ arguments: [String]) throws(CommandFailure) {
        let isHelp = arguments.first == "help"
        let words = arguments.dropFirst(isHelp ? 1 : 0).prefix { !$0.hasPrefix("-") }
        let (names, type) = command(words)
        guard names.count < words.count, isHelp || !type.configuration.subcommands.isEmpty else { return }
        let path = (["spanq"] + names).joined(separator: " ")
        let word = Excerpt.printable(Array(words)[names.count], limit: 40)
        throw .usage("\(path) has no command \(word): see \(path) --help")
    }

    /// The names at the start that lead down the tree of subcommands.
    static func subcommandNames(_ arguments: some Sequence<String>) -> [String] { command(arguments).names }

    private static func command(_ arguments: some Sequence<String>) -> (names: [String], type: any ParsableCommand.Type)
    {
        var type: any ParsableCommand.Type = Spanq.self
        var names: [String] = []
        for argument in arguments {
            let next = type.configuration.subcommands.first {
                $0._commandName == argument || $0.configuration.aliases.contains(argument)
            }
            guard let next else { break }
            type = next
            names.append(argument)
        }
        return (names, type)
    }
}
