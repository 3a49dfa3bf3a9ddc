import Foundation
import SpanQueue

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
