/// What `queue pause` and `queue resume` print.
struct PausedOutput: Encodable, Sendable {
    let name: String
    let paused: Bool

    static func print(_ queue: String, paused: Bool, json: Bool) throws {
        if json {
            try JSONLine.print(PausedOutput(name: queue, paused: paused))
        } else {
            Console.print(paused ? "\(queue) paused: go on with spanq queue resume \(queue)" : "\(queue) resumed")
        }
    }
}
