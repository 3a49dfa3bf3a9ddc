// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import DequeModule

/// The commands of one client, in order: those not yet written, and those written and not yet answered. Does no I/O.
///
/// Redis answers in the order of the commands, so a reply belongs to the oldest written command, and nothing else ever
/// decides whose it is. A command that is cancelled after it was written therefore stays as an abandoned slot, which
/// takes its reply to nowhere: that is what makes cancelling safe and cheap, and spares the other commands on the
/// connection. One cancelled before is skipped when its turn to be written comes.
struct PendingQueue<Command: QueuedCommand> {
    private static var compactionFloor: Int { 64 }

    private var waiting = Deque<Command>()
    private var written = Deque<Command>()
    private var finishedWaiting = 0

    /// Commands that are or will be on the wire, abandoned slots included, and the bytes they take.
    private(set) var count = 0
    private(set) var bytes = 0

    var hasWaiting: Bool { waiting.count > finishedWaiting }
    /// Whether a reply is to come.
    var hasWritten: Bool { !written.isEmpty }

    /// Commands with a caller.
    var live: [Command] { (written + waiting).filter { !$0.isFinished } }

    mutating func append(_ command: Command) {
        command.place = .waiting
        waiting.append(command)
        enter(command)
    }

    /// A command that was written elsewhere, when nothing else was under way: its reply is the next one.
    mutating func appendWritten(_ command: Command) {
        command.place = .written
        written.append(command)
        enter(command)
    }

    /// The next command to write; it now waits for its reply.
    mutating func nextToWrite() -> Command? {
        while let command = waiting.popFirst() {
            if command.isFinished {
                finishedWaiting -= 1
                leave(command)
                continue
            }
            command.place = .written
            written.append(command)
            return command
        }
        return nil
    }

    /// Whose reply has just come in. Nil: nobody's, and the connection cannot be trusted any more.
    mutating func nextReply() -> Command? {
        guard let command = written.popFirst() else { return nil }
        leave(command)
        return command
    }

    /// A waiting command has been finished; its place is given up now or soon.
    mutating func noteFinishedWaiting() {
        finishedWaiting += 1
        guard finishedWaiting > Self.compactionFloor, finishedWaiting > waiting.count / 2 else { return }
        var kept = Deque<Command>(minimumCapacity: waiting.count - finishedWaiting)
        for command in waiting {
            if command.isFinished { leave(command) } else { kept.append(command) }
        }
        waiting = kept
        finishedWaiting = 0
    }

    /// No reply will come any more to what was written. Idempotent commands go back to the front, in order; the others
    /// are returned: they may have run.
    mutating func connectionLost() -> [Command] {
        var lost: [Command] = []
        var resent = Deque<Command>()
        for command in written {
            if !command.isFinished, command.isIdempotent {
                command.place = .waiting
                resent.append(command)
            } else {
                leave(command)
                if !command.isFinished { lost.append(command) }
            }
        }
        written.removeAll()
        if !resent.isEmpty { waiting.prepend(contentsOf: resent) }
        return lost
    }

    /// Everything that has a caller, taken out.
    mutating func removeAll() -> [Command] {
        let all = live
        for command in all { command.place = .done }
        self = PendingQueue()
        return all
    }

    private mutating func enter(_ command: Command) {
        count += 1
        bytes += command.size
    }

    private mutating func leave(_ command: Command) {
        command.place = .done
        count -= 1
        bytes -= command.size
    }
}

/// What ``PendingQueue`` needs to know of a command.
protocol QueuedCommand: AnyObject {
    var place: CommandPlace { get set }
    /// Nobody waits for the reply any more.
    var isFinished: Bool { get }
    var isIdempotent: Bool { get }
    /// In bytes.
    var size: Int { get }
}

/// Where a command is.
enum CommandPlace: Sendable {
    /// Still with its caller.
    case new
    /// In the queue, not on the wire.
    case waiting
    /// On the wire: the next reply but so many is its.
    case written
    /// Out of the queue: until it is tried again, or until there is a connection.
    case parked
    case done
}
