// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Dispatch
import Foundation
import SpanQueue
import SpanQueueCommand
import Synchronization
import UnixSignals

/// Reads lines from a file or a pipe as they come, without taking in more than it needs.
struct LineReader: ~Copyable {
    /// A line must hold the largest payload, escaped or in base64, and its options.
    static let longestLine = 8 << 20

    enum Event {
        /// A line without its newline, and its number from 1.
        case line(number: Int, [UInt8])
        /// No line is there yet, and the writer may take its time.
        case pause
        /// There are no more.
        case end
    }

    private let descriptor: Int32
    private let interruption: Interruption?
    private var buffer: [UInt8] = []
    private var position = 0
    private var number = 0
    private var isAtEnd = false

    /// - Parameters:
    ///   - descriptor: what is read; it is not closed.
    ///   - interruption: ends the reading as the writer's end does, but for a line that was begun.
    init(_ descriptor: Int32, until interruption: Interruption? = nil) {
        self.descriptor = descriptor
        self.interruption = interruption
    }

    /// The next line.
    ///
    /// - Parameter waits: whether to wait where no line is there yet; else that is a pause.
    mutating func next(waits: Bool) async throws(CommandFailure) -> Event {
        var searched = position
        while true {
            if let newline = buffer[searched...].firstIndex(of: 0x0A) {
                defer { position = newline + 1 }
                number += 1
                return .line(number: number, Array(buffer[position..<newline]))
            }
            searched = buffer.count
            if isAtEnd {
                guard position < buffer.count, interruption?.hasCome != true else { return .end }
                defer { position = buffer.count }
                number += 1
                return .line(number: number, Array(buffer[position...]))
            }
            guard buffer.count - position < Self.longestLine else {
                throw .usage("line \(number + 1) is longer than \(Self.longestLine) bytes: end each job with a newline")
            }
            if !Self.isReadable(descriptor, interruption, timeout: 0) {
                guard waits else { return .pause }
                await Self.waitUntilReadable(descriptor, interruption)
            }
            searched -= position
            try fill()
        }
    }

    /// Drops what was returned and reads on.
    private mutating func fill() throws(CommandFailure) {
        buffer.removeFirst(position)
        position = 0
        if interruption?.hasCome == true {
            isAtEnd = true
            return
        }
        let size = 64 << 10
        var failure: Int32 = 0
        let chunk = [UInt8](unsafeUninitializedCapacity: size) { chunk, count in
            let read = Foundation.read(descriptor, chunk.baseAddress, size)
            failure = read < 0 ? errno : 0
            count = max(0, read)
        }
        switch failure {
        case 0: isAtEnd = chunk.isEmpty
        // Whoever else has the descriptor may have made it non-blocking.
        case EINTR, EAGAIN: return
        default: throw .usage("the batch can't be read: \(String(cString: strerror(failure)))")
        }
        buffer += chunk
    }

    /// Whether something, or the end, can be read at once, or an interruption has come.
    private static func isReadable(_ descriptor: Int32, _ interruption: Interruption?, timeout: Int32) -> Bool {
        var watched = [pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)]
        if let interruption { watched.append(pollfd(fd: interruption.descriptor, events: Int16(POLLIN), revents: 0)) }
        return poll(&watched, nfds_t(watched.count), timeout) > 0
    }

    /// On a thread that may block.
    private static func waitUntilReadable(_ descriptor: Int32, _ interruption: Interruption?) async {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                while !isReadable(descriptor, interruption, timeout: -1) {}
                continuation.resume()
            }
        }
    }
}

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
