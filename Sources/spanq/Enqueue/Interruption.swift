import Foundation
import Synchronization
import UnixSignals

/// Turns the first SIGINT or SIGTERM into a descriptor that can be read, so that what was taken in can still be sent. A second
/// one ends the process as ever.
final class Interruption: Sendable {
    /// Becomes readable when the signal comes.
    let descriptor: Int32
    private let writeEnd: Int32
    private let isSet = Mutex(false)

    var hasCome: Bool { isSet.withLock { $0 } }

    /// Runs `body`, which is to end soon after the first signal.
    static func watch<Result: Sendable>(
        _ body: @escaping @Sendable (Interruption) async throws -> Result
    ) async throws -> Result {
        let interruption = try Interruption()
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
        return try await withThrowingTaskGroup(of: Result?.self) { tasks in
            tasks.addTask {
                for await _ in signals { interruption.come() }
                return nil
            }
            tasks.addTask { try await body(interruption) }
            defer { tasks.cancelAll() }
            while let ended = try await tasks.next() {
                if let result = ended { return result }
            }
            throw CancellationError()
        }
    }

    private init() throws(CommandFailure) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw .failed("no pipe can be opened: \(String(cString: strerror(errno)))") }
        (descriptor, writeEnd) = (ends[0], ends[1])
    }

    deinit {
        close(descriptor)
        close(writeEnd)
    }

    private func come() {
        let isFirst = isSet.withLock { isSet in
            defer { isSet = true }
            return !isSet
        }
        guard isFirst else { Foundation.exit(CommandExit.failed.rawValue) }
        // Never full, and read by nobody: one byte keeps it readable.
        _ = write(writeEnd, [1], 1)
    }
}
