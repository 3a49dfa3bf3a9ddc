// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueLoop

/// Lends the connection to callers while it has nothing to do, so that a lone call wakes no thread but its own.
extension RedisClient {
    /// Hands work to the loop, before which no later call of this task is sent. On its own thread it is done at once, but for a task that is
    /// cancelled: word of that is in the inbox, and comes first.
    nonisolated func post(_ work: @escaping @Sendable (isolated RedisClient) -> Void) {
        guard !loop.isCurrent || Task.isCancelled else {
            return assumeIsolated { client in
                _ = client.regain()
                work(client)
            }
        }
        line.loan.announce()
        loop.execute {
            self.assumeIsolated { client in
                // First: else a call could slip in before this work has written anything.
                _ = client.regain()
                client.line.loan.arrived()
                work(client)
            }
        }
    }

    /// Sends a request from the caller's thread and waits for the reply there, if the connection is free.
    nonisolated func exchange(_ request: Request) -> DirectLine.End {
        // A loop has other things to do than to wait, and what is cancelled is not sent.
        guard !loop.isCurrent, !Task.isCancelled else { return .notTaken }
        let end = line.exchange(request)
        if case .replied = end { configuration.observer?(request.name, request.start.duration(to: .now), nil) }
        return end
    }

    /// Where nothing waits, nothing is under way, and all that came in was read. The loop does not touch the connection after that
    /// until it has it again, see ``regain()``.
    func lendIfIdle(_ source: ClientSource) {
        #if os(Linux)
            // Blocking commands have connections of their own, where callers do not wait for microseconds.
            guard life.state == .ready, refusal == nil, queue.count == 0, output.isEmpty,
                !configuration.dropConnectionOnCancel, subscription == nil,
                source.readInterest == .read, !source.transport.hasBufferedInput, reader?.isBetweenReplies == true
            else { return }
            line.transport = source.transport
            line.reader = reader
            source.isLent = true
            line.loan.lend()
        #endif
    }

    /// Whether the connection is the loop's, or none is there. Else the caller who has it calls ``takeBack(_:)`` soon.
    func regain() -> Bool {
        guard let source, source.isLent else { return true }
        guard line.loan.reclaim() else {
            // Should it end meanwhile, its caller will see it.
            if !source.isAwaited { loop.remove(source) }
            source.isAwaited = true
            return false
        }
        source.isLent = false
        return true
    }

    /// A caller is done with the connection, and the loop goes on with what it has left.
    func takeBack(_ rest: DirectLine.Rest) {
        line.loan.returned()
        guard let source else { return }
        source.isLent = false
        if source.isAwaited { loop.add(source) }
        source.isAwaited = false
        swap(&output, &line.output)
        if let request = rest.request { takeOver(request) }
        guard life.state != .closed else { return disconnect() }
        do throws(RedisError) {
            if let reply = rest.reply { try receive(reply) }
        } catch {
            return lose(error)
        }
        guard self.source === source else { return }
        // What the server said before it hung up may still be there to be read.
        let isOver = rest.failure != nil || dueLoss != nil
        if rest.request?.place == .written || isOver { read(from: source, mayLend: !isOver) }
        if let failure = rest.failure ?? dueLoss, self.source === source { lose(failure) }
    }

    private func takeOver(_ request: Request) {
        guard request.mayHaveRun, life.state != .closed else { return submit(request) }
        queue.appendWritten(request)
        watchDeadline(of: request)
        if request.isCancelledEarly { cancel(request) }
    }
}
