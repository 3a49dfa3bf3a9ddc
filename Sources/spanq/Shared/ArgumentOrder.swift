import ArgumentParser
import SpanQueue

/// Lets global options stand before the subcommand too: `spanq --redis URL queue stats`.
enum ArgumentOrder {
    private static let flags: Set<String> = ["--json", "--allow-eviction"]
    private static let options: Set<String> = [
        "--redis", "--config", "--log-level", "--log-format", "--redis-timeout", "--durability",
        "--redis-tls-ca", "--redis-tls-cert", "--redis-tls-key", "--redis-tls-server-name",
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

    /// Refuses `help` for what does not exist: the parser would show the help of what does.
    static func checkHelp(_ arguments: [String]) throws(CommandFailure) {
        guard arguments.first == "help" else { return }
        let words = arguments.dropFirst().prefix { !$0.hasPrefix("-") }
        let names = subcommandNames(words)
        guard names.count == words.count else {
            let path = (["spanq"] + names).joined(separator: " ")
            let word = Excerpt.printable(Array(words)[names.count], limit: 40)
            throw .usage("\(path) has no command \(word): see \(path) --help")
        }
    }

    /// The names at the start that lead down the tree of subcommands.
    static func subcommandNames(_ arguments: some Sequence<String>) -> [String] {
        var type: any ParsableCommand.Type = Spanq.self
        var names: [String] = []
        for argument in arguments {
            guard let next = type.configuration.subcommands.first(where: { $0._commandName == argument }) else { break }
            type = next
            names.append(argument)
        }
        return names
    }
}
