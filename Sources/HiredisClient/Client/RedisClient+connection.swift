// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Logging
import SpanQueueLoop

/// Does what ``ConnectionLife`` says.
extension RedisClient {
    func perform(_ action: ConnectionLife.Action) {
        switch action {
        case .none: break
        case .open: open()
        case .handshake: beginHandshake()
        case .serve(let generation): serve(generation: generation)
        case .backOff(let delay):
            let epoch = life.epoch
            lifeTimer = loop.schedule(at: .now + delay) { [self] in perform(life.backoffElapsed(epoch: epoch)) }
        case .shutDown: disconnect()
        }
    }

    private func open() {
        switch url.endpoint {
        case .unix(let path):
            dial([path][...]) { [self] path throws(RedisError) in
                peer = path
                return try SocketTransport(path: path)
            }
        case .tcp(let host, let port): resolve(RedisAddress(host: host, port: port))
        case .sentinels:
            primary = nil
            startConnectTimer()
            let epoch = life.epoch
            sentinels?.assumeIsolated { sentinels in
                sentinels.attach(self)
                sentinels.lookUp { [self] result in assumeIsolated { $0.found(result, epoch: epoch) } }
            }
        }
    }

    /// What the Sentinels have said.
    private func found(_ result: Result<RedisAddress, RedisError>, epoch: Int) {
        guard epoch == life.epoch, life.state == .connecting else { return }
        switch result {
        case .failure(let error): lose(error)
        case .success(let address):
            primary = address
            resolve(address)
        }
    }

    private func resolve(_ address: RedisAddress) {
        let epoch = life.epoch
        startConnectTimer()
        AddressResolver.resolve(host: address.host) { [self] result in
            loop.execute { self.assumeIsolated { $0.resolved(result, of: address, epoch: epoch) } }
        }
    }

    private func resolved(_ result: Result<[String], RedisError>, of server: RedisAddress, epoch: Int) {
        guard epoch == life.epoch, life.state == .connecting else { return }
        switch result {
        case .failure(let error): lose(error)
        case .success(let addresses):
            dial(addresses[...]) { [self] address throws(RedisError) in
                peer = "\(RedisAddress(host: address, port: server.port))"
                let socket = try SocketTransport(address: address, port: server.port)
                guard url.usesTLS else { return socket }
                return try secure(socket, host: server.host)
            }
        }
    }

    /// TLS on a socket, by what the files hold now.
    private func secure(_ socket: SocketTransport, host: String) throws(RedisError) -> TLSTransport {
        do throws(RedisError) {
            let context: TLSContext
            if let known = tlsContext, known.isCurrent {
                context = known
            } else {
                context = try TLSContext(configuration.tls)
            }
            tlsContext = context
            return try TLSTransport(
                socket, name: configuration.tls.serverName ?? host, context: context)
        } catch {
            socket.close()
            throw error
        }
    }

    /// Tries the first address; the others are tried in ``failedToDial(_:)``.
    private func dial(
        _ addresses: ArraySlice<String>, _ connect: @escaping (String) throws(RedisError) -> any Transport
    ) {
        guard let address = addresses.first else { return }
        dialNext = addresses.count == 1 ? nil : { [self] in dial(addresses.dropFirst(), connect) }
        startConnectTimer()
        do throws(RedisError) {
            let source = ClientSource(transport: try connect(address), client: self)
            self.source = source
            loop.add(source)
        } catch {
            lose(error)
        }
    }

    private func startConnectTimer() {
        if let lifeTimer { loop.cancel(lifeTimer) }
        let timeout = configuration.connectTimeout
        lifeTimer = loop.schedule(at: .now + timeout) { [self] in
            let isAsking = url.usesSentinels && primary == nil
            let step = source?.transport.pendingStep ?? (isAsking ? "no answer from the Sentinels" : "no connection")
            lose(RedisError(.unreachable, "\(step) within \(timeout)"))
        }
    }

    private func beginHandshake() {
        do throws(RedisError) {
            reader = try ReplyReader(maximumReplyBytes: configuration.maximumReplyBytes)
        } catch {
            return lose(error)
        }
        let handshake = Handshake(url: url, name: name, scripts: configuration.scripts)
        for command in handshake.commands { output.append(command.encode) }
        self.handshake = handshake
    }

    private func serve(generation: Int) {
        if let lifeTimer { loop.cancel(lifeTimer) }
        lifeTimer = nil
        dialNext = nil
        handshake = nil
        lastFailure = nil
        readySince = .now
        loadingScripts.removeAll()
        if connectionLog.restored() { logger.notice("connected to Redis at \(url) again") }
        logger.debug("connection \(generation) to Redis at \(url) is ready")
        configuration.onConnect?(generation, !servedBy.isEmpty && servedBy != peer)
        servedBy = peer
        subscribeAgain()
        for check in connectChecks { finish(check, with: .success(.null)) }
        connectChecks.removeAll()
    }

    /// The connection is of no use any more, or did not come about: tries the next address, or backs off.
    func lose(_ error: RedisError, isWorthALine: Bool = true) {
        let wasConnecting = life.state == .connecting
        guard wasConnecting || life.state == .handshaking || life.state == .ready else { return }
        guard regain() else { return dueLoss = error }
        dueLoss = nil
        let next = dialNext
        if error.code == .readOnly, let primary, life.state == .handshaking {
            sentinels?.assumeIsolated { $0.distrust(primary) }
        }
        var error = error
        if error.code == .connectionLost, handshake?.isUnanswered == true, mayBeTLS {
            // What a server with TLS says to our first words is mostly lost with the connection.
            error.message += " before it said anything: if this port speaks TLS, write rediss:// in the Redis URL"
        } else if error.code == .connectionLost, let words = handshake?.lastWords {
            error.message += "; before that it said: \(words)"
        }
        disconnect()
        lastFailure = error
        for request in queue.connectionLost() {
            let message = "the connection to Redis at \(url) was lost while \(request.name) ran: \(error.message)"
            finish(request, throwing: RedisError(.connectionLost, message, mayHaveRun: true))
        }
        if wasConnecting, let next { return next() }
        if error.isHopeless {
            failConnectChecks(with: error)
        } else if wasConnecting, !configuration.waitsForServer {
            let message = "cannot reach Redis at \(url): \(error.message)"
            failConnectChecks(with: RedisError(.unreachable, message))
        }
        if isWorthALine, let failures = connectionLog.failure(at: .now) {
            let count = failures == 1 ? "" : " (\(failures) failures since the last line)"
            logger.warning("no connection to Redis at \(url): \(error.message); trying again\(count)")
        }
        let served = readySince.map { ContinuousClock.now - $0 } ?? .zero
        readySince = nil
        perform(
            life.failed(
                epoch: life.epoch, random: .random(in: 0...1), isRefusal: error.code == .readOnly, served: served))
    }

    /// Whether the server may speak TLS, of which the URL says nothing.
    private var mayBeTLS: Bool {
        if case .unix = url.endpoint { false } else { !url.usesTLS }
    }

    private func failConnectChecks(with error: RedisError) {
        for check in connectChecks { finish(check, throwing: error) }
        connectChecks.removeAll()
    }

    /// Closes the socket and forgets everything about the connection that was.
    func disconnect() {
        // Else when the caller who has it gives it back: see `takeBack`.
        guard regain() else { return }
        if let lifeTimer { loop.cancel(lifeTimer) }
        lifeTimer = nil
        dialNext = nil
        handshake = nil
        reader = nil
        line.transport = nil
        line.reader = nil
        output.removeAll()
        loadingScripts.removeAll()
        refusal = nil
        guard let source else { return }
        self.source = nil
        loop.remove(source)
        source.transport.close()
    }
}
