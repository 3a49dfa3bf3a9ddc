// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation

/// What may be wrong with what a process is attached to.
enum StreamFault: String, CaseIterable, Sendable {
    /// Nobody reads: a pipe that is full. As an input, a pipe that nobody writes to.
    case stalled
    /// A disk without room: `/dev/full`. As an input, zeros without end.
    case full
    /// The descriptor is not open.
    case closed
    /// The other end has gone away.
    case broken
}

/// A standard stream of a process.
enum StandardStream: Int32, CaseIterable, Sendable {
    case input = 0
    case output = 1
    case error = 2
}

/// The two ends of a stream with a fault: the process gets `theirs`.
struct FaultyEnd {
    /// Nil where the process gets none.
    let theirs: Int32?
    /// Held open as long as the process runs; nil where nothing is.
    let ours: Int32?

    init(_ fault: StreamFault, of stream: StandardStream) throws {
        switch fault {
        case .closed:
            (theirs, ours) = (nil, nil)
        case .full:
            (theirs, ours) = (open("/dev/full", (stream == .input ? O_RDONLY : O_WRONLY) | O_CLOEXEC), nil)
        case .stalled, .broken:
            var ends: [Int32] = [-1, -1]
            guard pipe(&ends) == 0 else { throw POSIXError(.EMFILE) }
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            let (reading, writing) = (ends[0], ends[1])
            let theirs = stream == .input ? reading : writing
            let ours = stream == .input ? writing : reading
            self.theirs = theirs
            if fault == .broken {
                close(ours)
                self.ours = nil
            } else {
                if stream != .input { Self.fill(writing) }
                self.ours = ours
            }
        }
    }

    func closeTheirs() { if let theirs { close(theirs) } }
    func closeOurs() { if let ours { close(ours) } }

    /// Writes until the pipe takes nothing more, not a byte.
    private static func fill(_ pipe: Int32) {
        let flags = fcntl(pipe, F_GETFL)
        _ = fcntl(pipe, F_SETFL, flags | O_NONBLOCK)
        let bytes = [UInt8](repeating: UInt8(ascii: "."), count: 4096)
        for size in [4096, 1] { while write(pipe, bytes, size) > 0 {} }
        _ = fcntl(pipe, F_SETFL, flags)
    }
}
