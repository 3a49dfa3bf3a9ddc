// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueueCommand
import Synchronization

/// The terminal while a program has all of it: another screen, without echo, and keys as they are pressed. It is given back as it was at
/// any end of the process, by a signal or a crash too, and while the process is stopped.
final class TopTerminal: Sendable {
    enum Event: Sendable {
        case key(TopKey)
        /// Its size is another, or what it shows is not what was sent.
        case changed
        /// Nobody is there any more.
        case ended
    }

    /// Takes the terminal.
    ///
    /// - Parameter tell: told of keys and changes, on a thread of its own.
    init(_ tell: @escaping @Sendable (Event) -> Void) throws {
        guard Wires.open() else {
            throw CommandFailure.failed("the terminal can't be set up: \(String(cString: strerror(errno)))")
        }
        Thread.detachNewThread { Self.listen(tell) }
    }

    /// Gives it back.
    func close() {
        Wires.close()
        Wires.wake("q")
    }

    /// Columns and rows.
    var size: (columns: Int, rows: Int) {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
            return (80, 24)
        }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    func write(_ text: String) { Wires.write(Array(text.utf8)) }

    /// To the shell, with all that was started with us; comes back when the shell wants so.
    func suspend() {
        kill(0, SIGTSTP)
        // Where there is no shell to come back from, nothing stops.
        Wires.takeAgain()
    }

    private static let patience: Int32 = 50

    private static func listen(_ tell: (Event) -> Void) {
        var reader = TopKeyReader()
        var buffer = [UInt8](repeating: 0, count: 256)
        while true {
            var wires = [
                pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0),
                pollfd(fd: Wires.reading, events: Int16(POLLIN), revents: 0),
            ]
            let count = poll(&wires, nfds_t(wires.count), reader.isUndecided ? patience : -1)
            if count < 0, errno != EINTR { return tell(.ended) }
            if count == 0 { for key in reader.settle() { tell(.key(key)) } }
            if wires[1].revents != 0 {
                let read = read(Wires.reading, &buffer, buffer.count)
                if buffer.prefix(max(0, read)).contains(UInt8(ascii: "q")) { return }
                tell(.changed)
            }
            if wires[0].revents != 0 {
                let read = read(STDIN_FILENO, &buffer, buffer.count)
                if read < 0, errno == EINTR || errno == EAGAIN { continue }
                guard read > 0 else { return tell(.ended) }
                for key in reader.feed(buffer.prefix(read)) { tell(.key(key)) }
            }
        }
    }
}

/// What signal handlers need: they may call little, and allocate nothing. There is one terminal in a process, so this is global.
private enum Wires {
    /// Written before the first handler is installed, and not after.
    nonisolated(unsafe) private static var before = termios()
    nonisolated(unsafe) private static var raw = termios()
    nonisolated(unsafe) private static var pipes: (reading: Int32, writing: Int32) = (-1, -1)
    private static let isOpen = Atomic(false)

    static var reading: Int32 { pipes.reading }

    /// Another screen, no cursor, no new line at the end of a line; and back.
    private static let enter: StaticString = "\u{1B}[?1049h\u{1B}[?25l\u{1B}[?7l"
    private static let leave: StaticString = "\u{1B}[0m\u{1B}[?2026l\u{1B}[?7h\u{1B}[?25h\u{1B}[?1049l"

    private static let endings = [SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGABRT, SIGFPE]

    static func open() -> Bool {
        var ends: [Int32] = [-1, -1]
        guard tcgetattr(STDIN_FILENO, &before) == 0, pipe(&ends) == 0 else { return false }
        pipes = (ends[0], ends[1])
        for end in ends { _ = fcntl(end, F_SETFL, O_NONBLOCK) }
        raw = before
        raw.c_iflag &= ~tcflag_t(IXON | ICRNL | INLCR | ISTRIP | BRKINT)
        raw.c_lflag &= ~tcflag_t(ECHO | ICANON | ISIG | IEXTEN)
        for ending in endings { signal(ending) { Wires.end($0) } }
        signal(SIGTSTP) { Wires.end($0) }
        signal(SIGCONT) { _ in Wires.goOn() }
        signal(SIGWINCH) { _ in Wires.wake("w") }
        take()
        return true
    }

    static func close() {
        giveBack()
        for number in endings + [SIGTSTP, SIGCONT, SIGWINCH] { signal(number, SIG_DFL) }
    }

    /// Wakes the thread that listens.
    static func wake(_ word: Unicode.Scalar) {
        var byte = UInt8(ascii: word)
        _ = Foundation.write(pipes.writing, &byte, 1)
    }

    static func write(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = Foundation.write(
                    STDOUT_FILENO, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if count < 0, errno == EINTR || errno == EAGAIN { continue }
                guard count > 0 else { return }
                rest = rest.dropFirst(count)
            }
        }
    }

    static func takeAgain() {
        guard !isOpen.load(ordering: .sequentiallyConsistent) else { return }
        goOn()
    }

    private static func take() {
        isOpen.store(true, ordering: .sequentiallyConsistent)
        tcsetattr(STDIN_FILENO, TCSANOW, &raw)
        _ = Foundation.write(STDOUT_FILENO, enter.utf8Start, enter.utf8CodeUnitCount)
    }

    private static func giveBack() {
        guard isOpen.exchange(false, ordering: .sequentiallyConsistent) else { return }
        _ = Foundation.write(STDOUT_FILENO, leave.utf8Start, leave.utf8CodeUnitCount)
        tcsetattr(STDIN_FILENO, TCSANOW, &before)
    }

    // MARK: Handlers of signals

    /// Gives the terminal back, and lets the signal do what it does: when this returns, which then ends or stops the process.
    private static func end(_ number: Int32) {
        giveBack()
        signal(number, SIG_DFL)
        raise(number)
    }

    private static func goOn() {
        signal(SIGTSTP) { Wires.end($0) }
        take()
        wake("w")
    }
}
