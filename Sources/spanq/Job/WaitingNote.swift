import SpanQueue

/// Why a job that waits does not run, as far as its queue tells: for people, in a few words.
enum WaitingNote {
    /// Nil for a job that does not wait, and where nothing keeps it.
    static func read(_ record: JobRecord, from client: JobQueue) async throws -> String? {
        guard [.ready, .scheduled, .retrying].contains(record.state) else { return nil }
        let queue = record.message.queue
        let isPaused = try await client.counts(of: [queue]).first?.isPaused ?? false
        let isServed = ServingWorkers(try await client.workers())[queue] > 0
        return text(queue, isPaused: isPaused, isServed: isServed)
    }

    static func text(_ queue: String, isPaused: Bool, isServed: Bool) -> String? {
        var notes: [String] = []
        if isPaused { notes.append("queue \(queue) is paused: go on with spanq queue resume \(queue)") }
        if !isServed { notes.append("no live worker serves queue \(queue): see spanq worker list") }
        return notes.isEmpty ? nil : notes.joined(separator: "; ")
    }
}
