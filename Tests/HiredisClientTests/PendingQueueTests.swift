// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Testing

@testable import HiredisClient

@Suite("The queue of commands")
struct PendingQueueTests {
    private final class Command: QueuedCommand, CustomStringConvertible {
        let name: Int
        let isIdempotent: Bool
        var place = CommandPlace.new
        var isFinished = false
        var size: Int { 10 }
        var description: String { "\(name)" }

        init(_ name: Int, idempotent: Bool) {
            self.name = name
            isIdempotent = idempotent
        }
    }

    private func queue(_ count: Int, idempotent: (Int) -> Bool = { _ in true }) -> (PendingQueue<Command>, [Command]) {
        var queue = PendingQueue<Command>()
        let commands = (0..<count).map { Command($0, idempotent: idempotent($0)) }
        for command in commands { queue.append(command) }
        return (queue, commands)
    }

    @Test("replies go to commands in the order of writing")
    func order() {
        var (queue, commands) = queue(3)
        for command in commands { #expect(queue.nextToWrite() === command) }
        #expect(queue.nextToWrite() == nil)
        for command in commands { #expect(queue.nextReply() === command) }
        #expect(queue.nextReply() == nil)
        #expect(queue.count == 0 && queue.bytes == 0)
    }

    @Test("a command cancelled before it is written is not written; one cancelled after it keeps its slot")
    func cancellation() {
        var (queue, commands) = queue(3)
        #expect(queue.nextToWrite() === commands[0])
        commands[0].isFinished = true
        commands[1].isFinished = true
        queue.noteFinishedWaiting()
        #expect(queue.nextToWrite() === commands[2])
        #expect(queue.nextReply() === commands[0])
        #expect(queue.nextReply() === commands[2])
        #expect(queue.count == 0)
    }

    @Test("when the connection is lost, idempotent commands are resent in order and the others returned")
    func loss() {
        var (queue, commands) = queue(6) { $0 % 2 == 0 }
        for _ in 0..<5 { _ = queue.nextToWrite() }
        commands[2].isFinished = true
        #expect(queue.connectionLost().map(\.name) == [1, 3])
        #expect(queue.nextReply() == nil)
        #expect([queue.nextToWrite(), queue.nextToWrite(), queue.nextToWrite()].map { $0?.name } == [0, 4, 5])
        #expect(!queue.hasWaiting)
        #expect(queue.count == 3)
    }

    @Test("commands cancelled while nothing can be written do not pile up")
    func noLeak() {
        var queue = PendingQueue<Command>()
        for index in 0..<10_000 {
            let command = Command(index, idempotent: true)
            queue.append(command)
            command.isFinished = true
            queue.noteFinishedWaiting()
        }
        #expect(queue.count < 200)
        #expect(!queue.hasWaiting)
        #expect(queue.bytes == queue.count * 10)
    }
}
