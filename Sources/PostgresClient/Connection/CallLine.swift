// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import DequeModule

/// What a ``CallLine`` needs to know of a call.
protocol LinedCall: AnyObject {
    var deadline: ContinuousClock.Instant { get }
    /// Whether a second run does no harm.
    var isIdempotent: Bool { get }
    var size: Int { get }
    /// Whether its caller has been told, or has gone: what is left of it is its place in the line.
    var isFinished: Bool { get }
    /// How often it was written and not answered.
    var unanswered: Int { get set }
}

/// The calls of a connection in order, as a value that does no I/O: those that wait, and those that were written, of which the oldest is
/// the one that the next answer belongs to. An abandoned call that was written keeps its place, and swallows its answer.
struct CallLine<Call: LinedCall> {
    struct Limits: Sendable {
        var calls = 100_000
        var bytes = 64 << 20
    }

    private let limits: Limits
    private var waiting = Deque<Call>()
    private var written = Deque<Call>()
    private var bytes = 0

    init(limits: Limits = Limits()) {
        self.limits = limits
    }

    var isEmpty: Bool { waiting.isEmpty && written.isEmpty }
    var writtenCount: Int { written.count }
    var hasWaiting: Bool { !waiting.isEmpty }

    /// False where there is no room. A single call may have more bytes than there is room for.
    mutating func add(_ call: Call) -> Bool {
        let count = waiting.count + written.count
        guard count == 0 || count < limits.calls && bytes + call.size <= limits.bytes else { return false }
        waiting.append(call)
        bytes += call.size
        return true
    }

    /// Puts a call that did not run, or may run again, in front of those that wait.
    mutating func addAgain(_ call: Call) {
        waiting.prepend(call)
        bytes += call.size
    }

    /// The next call to write, which counts as written from now on.
    mutating func takeNext() -> Call? {
        while let call = waiting.popFirst() {
            if call.isFinished {
                bytes -= call.size
                continue
            }
            call.unanswered += 1
            written.append(call)
            return call
        }
        return nil
    }

    /// The call that the next answer is of.
    var oldestWritten: Call? { written.first }

    /// The oldest written call is over.
    mutating func endOldest() -> Call? {
        guard let call = written.popFirst() else { return nil }
        bytes -= call.size
        call.unanswered -= 1
        return call
    }

    /// The connection is gone. Idempotent calls wait again, in their order; gives the others, which may have run.
    mutating func connectionLost() -> [Call] {
        var lost: [Call] = []
        while let call = written.popLast() {
            if call.isIdempotent, !call.isFinished {
                waiting.prepend(call)
            } else {
                bytes -= call.size
                lost.append(call)
            }
        }
        return lost.reversed().filter { !$0.isFinished }
    }

    /// Everybody who has not been told.
    var live: [Call] { (written + waiting).filter { !$0.isFinished } }

    /// Whether a call's answer is still to come on this connection.
    func isWritten(_ call: Call) -> Bool { written.contains { $0 === call } }

    mutating func removeAll() {
        waiting.removeAll()
        written.removeAll()
        bytes = 0
    }
}
