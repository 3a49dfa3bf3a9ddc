import Dispatch
import Foundation
import Synchronization
import UnixSignals

/// Turns the first SIGINT or SIGTERM into a descriptor that can be read, so that what was taken in can still be sent. Five seconds
/// later, or at a second signal, the process ends by it as ever: whatever it waits for, such as a reader of its output.
final class Interruption: Sendable {
    private static let bound = DispatchTimeInterval.seconds(5)

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
                for await signal in signals { interruption.come(signal) }
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

    private func come(_ signal: UnixSignal) {
        let isFirst = isSet.withLock { isSet in
            defer { isSet = true }
            return !isSet
        }
        let number: Int32 = signal == .sigint ? SIGINT : SIGTERM
        guard isFirst else { return Self.die(by: number) }
        DispatchQueue.global().asyncAfter(deadline: .now() + Self.bound) { Self.die(by: number) }
        // Never full, and read by nobody: one byte keeps it readable.
        _ = write(writeEnd, [1], 1)
    }

    private static func die(by number: Int32) {
        signal(number, SIG_DFL)
        kill(getpid(), number)
    }
}
