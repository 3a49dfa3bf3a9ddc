// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Logging
import SpanQueueLoop

/// Does what ``ConnectionLife`` says, and moves calls and answers.
extension PostgresClient {
    func perform(_ action: ConnectionLife.Action) {
        switch action {
        case .none: break
        case .open:
            let epoch = life.epoch
            Connector.connect(url, timeout: configuration.connectTimeout) { [self] result in
                loop.execute { self.assumeIsolated { $0.connected(result, epoch: epoch) } }
            }
        case .serve(let generation): serve(generation: generation)
        case .backOff(let delay):
            let epoch = life.epoch
            lifeTimer = loop.schedule(at: .now + delay) { [self] in perform(life.backoffElapsed(epoch: epoch)) }
        case .shutDown: disconnect()
        }
    }

    private func connected(_ result: Result<FreshConnection, PostgresError>, epoch: Int) {
        do throws(PostgresError) {
            let pipeline = try Pipeline(result.get())
            guard epoch == life.epoch, life.state == .connecting else { return pipeline.close() }
            let source = ClientSource(pipeline: pipeline, client: self)
            self.source = source
            loop.add(source)
            perform(life.opened(epoch: epoch))
        } catch {
            guard epoch == life.epoch, life.state == .connecting else { return }
            lose(error)
        }
    }

    private func serve(generation: Int) {
        readySince = .now
        lastFailure = nil
        if connectionLog.restored() { logger.notice("connected to Postgres at \(url) again") }
        logger.debug("connection \(generation) of \(name) to Postgres at \(url) is ready")
        configuration.onConnect?(generation)
        if let channel = configuration.channel {
            let words = PostgresCall("listen", "LISTEN \"\(channel)\"")
            line.addAgain(Request(words, timeout: configuration.callTimeout, idempotent: false, certain: false))
        }
        let waiters = connectWaiters.values
        connectWaiters = [:]
        for waiter in waiters { waiter.resume() }
    }

    /// The connection is of no use any more, or did not come about.
    func lose(_ error: PostgresError) {
        guard life.state == .connecting || life.state == .ready else { return }
        let wasConnecting = life.state == .connecting
        disconnect()
        lastFailure = error
        for request in line.live where request.unanswered > 0 {
            request.unanswered = 0
            request.mayHaveRun = true
            request.answer = nil
        }
        for request in line.connectionLost() {
            let message = "the connection to Postgres at \(url) was lost while \(request.name) ran: \(error.message)"
            finish(request, throwing: PostgresError(.connectionLost, message, mayHaveRun: true))
        }
        if wasConnecting {
            if error.isHopeless {
                failWaiters(with: error)
            } else if !configuration.waitsForServer {
                failWaiters(with: PostgresError(.unreachable, "cannot reach Postgres at \(url): \(error.message)"))
            }
        }
        if let failures = connectionLog.failure(at: .now) {
            let count = failures == 1 ? "" : " (\(failures) failures since the last line)"
            logger.warning("no connection to Postgres at \(url): \(error.message); trying again\(count)")
        }
        let served = readySince.map { ContinuousClock.now - $0 } ?? .zero
        readySince = nil
        perform(life.failed(epoch: life.epoch, random: .random(in: 0...1), served: served))
    }

    func failWaiters(with error: PostgresError) {
        let waiters = connectWaiters.values
        connectWaiters = [:]
        for waiter in waiters { waiter.resume(throwing: error) }
    }

    /// Lets go of the connection.
    func disconnect() {
        if let lifeTimer { loop.cancel(lifeTimer) }
        lifeTimer = nil
        guard let source else { return }
        self.source = nil
        loop.remove(source)
        source.pipeline.close()
    }

    // MARK: Moving bytes

    /// Writes what waits. Called once a turn, so what the turn's jobs submitted goes out here.
    func flush() {
        guard let pipeline = source?.pipeline, life.state == .ready else { return }
        do throws(PostgresError) {
            while !pipeline.hasUnsent, line.writtenCount < Self.mostWritten, let request = line.takeNext() {
                try pipeline.send(request.call)
                try pipeline.flush()
            }
        } catch {
            lose(error)
        }
    }

    func ready(readable: Bool, writable: Bool) {
        guard let pipeline = source?.pipeline, life.state == .ready else { return }
        do throws(PostgresError) {
            if readable { try pipeline.read() }
            if pipeline.hasUnsent { try pipeline.flush() }
            while let event = try pipeline.next() {
                take(event)
                // Whoever was told may have closed us.
                guard source?.pipeline === pipeline else { return }
            }
        } catch {
            lose(error)
        }
    }

    private func take(_ event: Pipeline.Event) {
        switch event {
        case .rows(let rows): if line.oldestWritten?.answer == nil { line.oldestWritten?.answer = .success(rows) }
        case .failed(let error):
            line.oldestWritten?.answer = .failure(error)
            if error.endsConnection {
                // A standby refuses without having done anything; a server that goes away may have done it.
                if error.code == .readOnly, let request = line.endOldest() { finish(request, throwing: error) }
                lose(error)
            }
        case .done:
            guard let request = line.endOldest() else { return }
            answer(request)
        case .notified(let payload): configuration.onNotify?(payload)
        }
    }

    private func answer(_ request: Request) {
        guard !request.isFinished else { return }
        switch request.answer ?? .success(.none) {
        case .success(let rows): finish(request, with: .success(rows))
        case .failure(let error) where error.code == .conflict: park(request, error)
        case .failure(var error):
            // An earlier sending of it may have had its effect.
            if request.mayHaveRun { error.mayHaveRun = true }
            finish(request, throwing: error)
        }
    }

    /// Nothing of the call has stayed: it is made again after a while, if there is time.
    private func park(_ request: Request, _ error: PostgresError) {
        let delay = configuration.backoff.delay(attempt: request.conflicts, random: .random(in: 0...1))
        let time = ContinuousClock.now + delay
        guard time < request.deadline else {
            var error = error
            error.mayHaveRun = request.mayHaveRun
            return finish(request, throwing: error)
        }
        request.conflicts += 1
        request.answer = nil
        parked[ObjectIdentifier(request)] = request
        loop.schedule(at: time) { [self] in
            guard parked.removeValue(forKey: ObjectIdentifier(request)) != nil else { return }
            line.addAgain(request)
        }
    }
}
