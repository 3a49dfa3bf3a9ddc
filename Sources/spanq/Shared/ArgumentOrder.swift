import ArgumentParser

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
        return names + moved + rest.dropFirst(names.count)
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
