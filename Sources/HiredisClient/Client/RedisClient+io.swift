import SpanQueueLoop

/// Bytes in, bytes out.
extension RedisClient {
    private static let readSize = 64 * 1024
    /// What hiredis is fed at once; see ``ReplyReader/feed(_:)``.
    private static let pieceSize = 8 * 1024
    /// Reads in a row before the other sources of the loop get their turn.
    private static let readsPerTurn = 16

    func ready(readable: Bool, writable: Bool) {
        guard let source else { return }
        if life.state == .connecting {
            guard writable else { return }
            do throws(RedisError) {
                try source.transport.finishConnecting()
            } catch {
                return lose(error)
            }
            perform(life.opened(epoch: life.epoch))
        } else if readable {
            read(from: source)
        }
        // What can be written is written before the next poll in any case.
    }

    /// Everything that was submitted in this turn, as one write; as several if it is much, or if the socket is full.
    func flush() {
        guard let source, life.state == .handshaking || life.state == .ready else { return }
        repeat {
            while life.state == .ready, !output.isFull, let request = queue.nextToWrite() {
                request.wasWritten = true
                output.append(request.encode)
            }
            guard !output.isEmpty else { break }
            switch output.withUnsentBytes(source.transport.write) {
            case .moved(let count): output.markSent(count)
            case .wouldBlock: return source.interest = [.read, .write]
            case .closed(let reason):
                // What the server said before it hung up may still be there to be read.
                read(from: source)
                guard self.source === source else { return }
                return lose(RedisError(.connectionLost, reason))
            }
        } while !output.isEmpty || queue.hasWaiting
        source.interest = .read
    }

    private func read(from source: ClientSource) {
        withUnsafeTemporaryAllocation(byteCount: Self.readSize, alignment: 16) { buffer in
            for _ in 0..<Self.readsPerTurn {
                switch source.transport.read(into: buffer) {
                case .wouldBlock: return
                case .closed(let reason): return lose(RedisError(.connectionLost, reason))
                case .moved(let count):
                    parse(UnsafeRawBufferPointer(rebasing: buffer[..<count]), from: source)
                    // A short read has emptied the socket.
                    guard count == buffer.count, self.source === source else { return }
                }
            }
        }
    }

    private func parse(_ bytes: UnsafeRawBufferPointer, from source: ClientSource) {
        var rest = bytes[...]
        do throws(RedisError) {
            while !rest.isEmpty {
                guard let reader else { return }
                try reader.feed(UnsafeRawBufferPointer(rebasing: rest.prefix(Self.pieceSize)))
                rest = rest.dropFirst(Self.pieceSize)
                while let reply = try reader.next() {
                    try receive(reply)
                    // The reply may have cost us the connection.
                    guard self.source === source else { return }
                }
            }
        } catch {
            lose(error)
        }
    }

    private func receive(_ reply: RESPReply) throws(RedisError) {
        if handshake != nil {
            try handshake?.receive(reply)
            if handshake?.isComplete == true { perform(life.greeted()) }
            return
        }
        guard let request = queue.nextReply() else {
            throw RedisError(.protocolViolation, "Redis sent a reply that nobody asked for")
        }
        // An abandoned slot.
        guard !request.isFinished else { return }
        guard let error = reply.topLevelError else {
            if case .scriptLoad(let script) = request.completion { loadingScripts.remove(ObjectIdentifier(script)) }
            return finish(request, with: .success(reply))
        }
        receive(error, for: request)
    }

    private func receive(_ error: RedisError, for request: Request) {
        if error.code == .noScript, let script = request.script {
            // It did not run, so it may always be sent again: behind a SCRIPT LOAD, which the first of several such
            // calls pays for; and with its source if that did not help, so that it cannot go round in circles.
            request.mustSendSource = request.isReloaded
            request.isReloaded = true
            load(script)
            queue.append(request)
            return
        }
        // A server that became a replica will not change its mind; another connection may find the new primary.
        if error.code == .readOnly { lose(error) }
        if error.isTransient, request.isIdempotent {
            retryLater(request, because: error)
        } else {
            finish(request, throwing: request.script.map { error.naming(commandsOf: $0) } ?? error)
        }
    }
}
