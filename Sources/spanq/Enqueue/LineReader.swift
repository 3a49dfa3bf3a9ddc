import Foundation
import SpanQueue

/// Reads lines from a file or a pipe, without taking in more than it needs.
struct LineReader {
    /// A line must hold the largest payload, escaped or in base64, and its options.
    static let longestLine = 8 << 20

    private let handle: FileHandle
    private var buffer: [UInt8] = []
    private var position = 0
    private var number = 0
    private var isAtEnd = false

    init(_ handle: FileHandle) {
        self.handle = handle
    }

    /// The next line without its newline, and its number from 1; nil at the end.
    mutating func next() throws(CommandFailure) -> (number: Int, line: [UInt8])? {
        var searched = position
        while true {
            if let newline = buffer[searched...].firstIndex(of: 0x0A) {
                defer { position = newline + 1 }
                number += 1
                return (number, Array(buffer[position..<newline]))
            }
            searched = buffer.count
            if isAtEnd {
                guard position < buffer.count else { return nil }
                defer { position = buffer.count }
                number += 1
                return (number, Array(buffer[position...]))
            }
            guard buffer.count - position < Self.longestLine else {
                throw .usage("line \(number + 1) is longer than \(Self.longestLine) bytes: end each job with a newline")
            }
            searched -= position
            try fill()
        }
    }

    /// Drops what was returned and reads on.
    private mutating func fill() throws(CommandFailure) {
        buffer.removeFirst(position)
        position = 0
        do {
            // `availableData` would do for pipes too, but can't tell an error.
            guard let chunk = try handle.read(upToCount: 64 << 10), !chunk.isEmpty else {
                isAtEnd = true
                return
            }
            buffer += chunk
        } catch {
            throw .usage("the batch can't be read: is it a file?")
        }
    }
}
