// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueLoop

/// Bytes in, bytes out.
extension RedisClient {
    private static let readSize = 64 * 1024
    /// Reads in a row before the other sources of the loop get their turn.
    private static let readsPerTurn = 16

    func ready(readable: Bool, writable: Bool) {
        guard let source, regain() else { return }
        if life.state == .connecting {
            do throws(RedisError) {
                source.connectInterest = try source.transport.finishConnecting()
            } catch {
                return lose(error)
            }
            if source.connectInterest == nil { perform(life.opened(epoch: life.epoch)) }
        } else if readable || source.readInterest.contains(.write) {
            read(from: source)
        }
        // What can be written is written before the next poll in any case.
    }

    /// Everything that was submitted in this turn, as one write; as several if it is much, or if the socket is full.
    func flush() {
        guard let source, life.state == .handshaking || life.state == .ready else { return }
        if source.isLent { guard queue.hasWaiting, regain() else { return } }
        repeat {
            while life.state == .ready, refusal == nil, !output.isFull, let request = queue.nextToWrite() {
                request.unanswered += 1
                output.append(request.encode)
            }
            guard !output.isEmpty else { break }
            switch output.withUnsentBytes(source.transport.write) {
            case .moved(let count): output.markSent(count)
            case .wants(let interest): return source.writeInterest = interest
            case .closed(let error):
                // What the server said before it hung up may still be there to be read.
                read(from: source, mayLend: false)
                guard self.source === source else { return }
                return lose(error)
            }
        } while !output.isEmpty || (queue.hasWaiting && refusal == nil)
        source.writeInterest = []
        lendIfIdle(source)
    }

    /// - Parameter mayLend: whether the connection may be lent with the last reply.
    func read(from source: ClientSource, mayLend: Bool = true) {
        withUnsafeTemporaryAllocation(byteCount: Self.readSize, alignment: 16) { buffer in
            for _ in 0..<Self.readsPerTurn {
                switch source.transport.read(into: buffer) {
                case .wants(let interest): return source.readInterest = interest
                case .closed(let error): return lose(error)
                case .moved(let count):
                    source.readInterest = .read
                    // A short read has taken all that there was.
                    let isAll = count < buffer.count && !source.transport.hasBufferedInput
                    let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
                    parse(bytes, from: source, mayLend: mayLend && isAll)
                    guard self.source === source, !isAll else { return }
                }
            }
            // The descriptor may show nothing of what is left: others get their turn, and then this goes on by itself.
            guard source.transport.hasBufferedInput else { return }
            let epoch = life.epoch
            loop.execute { [self] in
                assumeIsolated { client in
                    if client.life.epoch == epoch, let source = client.source { client.read(from: source) }
                }
            }
        }
    }

    private func parse(_ bytes: UnsafeRawBufferPointer, from source: ClientSource, mayLend: Bool) {
        var rest = bytes[...]
        do throws(RedisError) {
            while !rest.isEmpty {
                guard let reader else { return }
                try reader.feed(UnsafeRawBufferPointer(rebasing: rest.prefix(ReplyReader.pieceSize)))
                rest = rest.dropFirst(ReplyReader.pieceSize)
                while let reply = try reader.next() {
                    let isLast = mayLend && rest.isEmpty && reader.isBetweenReplies
                    try receive(reply, lending: isLast ? source : nil)
                    // The reply may have cost us the connection.
                    guard self.source === source, !source.isLent else { return }
                }
            }
        } catch {
            lose(error)
        }
    }

    /// - Parameter source: of the connection, where the reply is all that has come in.
    func receive(_ reply: RESPReply, lending source: ClientSource? = nil) throws(RedisError) {
        if handshake != nil {
            try handshake?.receive(reply)
            if handshake?.isComplete == true { perform(life.greeted()) }
            return
        }
        if let subscription, let message = Subscription.message(in: reply) {
            return subscription.hear(message.channel, message.text)
        }
        defer { if let refusal, !queue.hasWritten { lose(refusal) } }
        guard let request = queue.nextReply() else { throw .unasked(reply) }
        // An abandoned slot.
        guard !request.isFinished else { return }
        guard let error = reply.topLevelError else {
            if case .scriptLoad(let script) = request.completion { loadingScripts.remove(ObjectIdentifier(script)) }
            // First, or the caller might be back before that, and would find the connection in use.
            if let source { lendIfIdle(source) }
            return finish(request, with: .success(reply))
        }
        receive(error, for: request)
    }

    private func receive(_ error: RedisError, for request: Request) {
        if !error.mayHaveRun { request.unanswered -= 1 }
        if error.code == .noScript, let script = request.script {
            // It did not run, so it may always be sent again: behind a SCRIPT LOAD, which the first of several such
            // calls pays for; and with its source if that did not help, so that it cannot go round in circles.
            request.mustSendSource = request.isReloaded
            request.isReloaded = true
            load(script)
            queue.append(request)
            return
        }
        // A server that became a replica will not change its mind; another connection may find the new primary. What is on the wire
        // is refused too, and better told so than lost.
        if error.code == .readOnly || error.code == .unblocked { refusal = error }
        // An earlier connection may have run what this one refuses.
        var error = error
        error.mayHaveRun = error.mayHaveRun || request.mayHaveRun
        if error.isTransient, request.isRetried {
            retryLater(request, because: error)
        } else {
            finish(request, throwing: request.script.map { error.naming(commandsOf: $0) } ?? error)
        }
    }
}

/// The client's connection as its loop sees it. A class of its own so that the loop can ask for descriptor and interest
/// without entering the actor.
///
/// Keeps the client alive as long as it is registered, which ends with the connection.
final class ClientSource: LoopSource {
    let transport: any Transport
    let descriptor: Int32
    /// What the connection waits for until it can be used; nil from then on.
    var connectInterest: LoopInterest? = .write
    /// What the next read waits for, and the next write where one is under way.
    var readInterest: LoopInterest = .read
    var writeInterest: LoopInterest = []
    /// A caller may use it. Then only an end of the connection is of interest: what is readable is that caller's.
    var isLent = false
    /// The loop waits for that caller, and does not watch the descriptor.
    var isAwaited = false
    private let client: RedisClient

    init(transport: any Transport, client: RedisClient) {
        self.transport = transport
        self.client = client
        descriptor = transport.descriptor
    }

    var interest: LoopInterest { isLent ? .hangUp : connectInterest ?? readInterest.union(writeInterest) }

    func ready(readable: Bool, writable: Bool) {
        client.assumeIsolated { $0.ready(readable: readable, writable: writable) }
    }

    func beforePoll() {
        client.assumeIsolated { $0.flush() }
    }
}
