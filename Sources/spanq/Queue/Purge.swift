import SpanQueue

/// Forgets the jobs of a queue that are in one state, once a person has agreed.
enum Purge {
    static func run(
        _ queue: String, _ state: JobState, _ confirmation: Confirmation, _ global: GlobalOptions
    ) async throws {
        let removed = try await global.withQueue { client in
            let count = try await client.counts(ofKnown: [queue]).first?[state] ?? 0
            if count > 0 {
                try confirmation.require("Forget \(count) \(state.rawValue) jobs of queue \(queue), for good?")
            }
            return try await client.purge(queue, state)
        }
        if global.json {
            try JSONLine.print(CountOutput(queue: queue, done: removed, skipped: 0))
        } else {
            Console.print("\(removed) \(state.rawValue) jobs of queue \(queue) removed")
        }
    }
}
