// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import Logging
package import SpanQueueLoop

/// Knows where the primary of a service is, by its Sentinels. The clients of one engine share it: they ask it whenever they connect, and
/// it tells them when the primary is another one.
///
/// ``SentinelSearch`` decides whom to ask. It is asked at every connection, and every ten seconds; a subscription to ``SentinelNews``
/// makes it faster, and is not relied on.
///
/// **Thread.** As ``RedisClient``: its state belongs to the thread of its loop, on which all its clients live.
package actor SentinelDirectory {
    /// How often the Sentinels are asked where nobody connects.
    private let period: Duration
    private let url: RedisURL
    private let settings: SentinelSettings
    private let tls: TLSSettings
    private let loop: LoopThread
    private let logger: Logger
    private let silent = Logger(label: "spanq.sentinel") { _ in SwiftLogNoOpLogHandler() }

    private var search: SentinelSearch
    private var callers: [@Sendable (Result<RedisAddress, RedisError>) -> Void] = []
    private var clients: [ObjectIdentifier: RedisClient] = [:]
    /// To what the Sentinel that is being asked has been asked so far, of this question: those to an earlier one are not for us.
    private var replies: [RESPReply] = []
    private var question = 0
    /// To the Sentinel that was asked last, and to the one that tells by itself.
    private var query: (sentinel: RedisAddress, client: RedisClient)?
    private var watch: (sentinel: RedisAddress, client: RedisClient)?
    private var timer: LoopTimer?
    private var isClosed = false

    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// Nil for a URL that names no Sentinels.
    ///
    /// - Parameters:
    ///   - tls: of the Redis servers, and of the Sentinels where `settings` has none for them.
    ///   - period: how often the Sentinels are asked where nobody connects.
    package init?(
        url: RedisURL, settings: SentinelSettings, tls: TLSSettings, loop: LoopThread, logger: Logger,
        period: Duration = .seconds(10)
    ) {
        self.period = period
        guard case .sentinels(let seeds, let service) = url.endpoint else { return nil }
        self.url = url
        self.settings = settings
        self.tls = settings.tls ?? tls
        self.loop = loop
        self.logger = logger
        search = SentinelSearch(service: service, seeds: seeds)
    }

    /// Lets go of its connections. It finds nothing after that.
    package func close() {
        isClosed = true
        if let timer { loop.cancel(timer) }
        timer = nil
        query?.client.assumeIsolated { $0.close() }
        watch?.client.assumeIsolated { $0.close() }
        query = nil
        watch = nil
        clients = [:]
        let error = RedisError(.closed, "the Redis client was closed")
        for caller in take(&callers) { caller(.failure(error)) }
    }

    // MARK: For clients, on the loop's thread

    func attach(_ client: RedisClient) {
        if !isClosed { clients[ObjectIdentifier(client)] = client }
    }

    func detach(_ client: RedisClient) {
        clients[ObjectIdentifier(client)] = nil
    }

    /// Asks the Sentinels. Those who come while an answer is under way share it.
    func lookUp(_ completion: @escaping @Sendable (Result<RedisAddress, RedisError>) -> Void) {
        guard !isClosed else { return completion(.failure(RedisError(.closed, "the Redis client was closed"))) }
        callers.append(completion)
        if !search.isUnderWay { perform(search.begin()) }
        if timer == nil { poll() }
    }

    /// A client has been there, and what it found is not a primary.
    func distrust(_ address: RedisAddress) {
        search.distrust(address)
    }

    // MARK: The search

    private func perform(_ action: SentinelSearch.Action) {
        switch action {
        case .ask(let sentinel, let limit): ask(sentinel, within: limit)
        case .failed(let error):
            for caller in take(&callers) { caller(.failure(error)) }
        case .found(let address, let sentinel):
            watch(sentinel)
            for caller in take(&callers) { caller(.success(address)) }
            move(to: address)
        }
    }

    private func ask(_ sentinel: RedisAddress, within limit: Duration) {
        if query?.sentinel != sentinel {
            query?.client.assumeIsolated { $0.close() }
            query = (sentinel, client(of: sentinel, name: "spanq-sentinel", connectTimeout: limit))
        }
        guard let client = query?.client else { return }
        let deadline = ContinuousClock.now + limit
        client.assumeIsolated { client in
            // Somewhat longer than an attempt to connect, whose error says more.
            client.check(within: limit + .milliseconds(100)) { [self] result in
                assumeIsolated { directory in
                    switch result {
                    case .failure(let error): directory.receive(error)
                    case .success: directory.question(client, within: max(limit / 4, deadline - .now))
                    }
                }
            }
        }
    }

    private func question(_ client: RedisClient, within limit: Duration) {
        question += 1
        replies = []
        let question = question
        for command in SentinelAnswer.questions(of: search.service) {
            client.assumeIsolated {
                $0.send(command, within: limit) { [self] result in
                    assumeIsolated { $0.receive(result, to: question) }
                }
            }
        }
    }

    private func receive(_ result: Result<RESPReply, RedisError>, to question: Int) {
        guard question == self.question else { return }
        switch result {
        case .success(let reply): replies.append(reply)
        // The first one matters; the others may not be for us.
        case .failure(let error) where error.code == .authentication && !replies.isEmpty: replies.append(.null)
        case .failure(let error):
            self.question += 1
            return SentinelAnswer.isOfUnknownService(error) ? receive(.unknownService) : receive(error)
        }
        guard replies.count == SentinelAnswer.questionCount else { return }
        self.question += 1
        receive(SentinelAnswer(replies))
    }

    private func receive(_ error: RedisError) {
        guard !isClosed else { return }
        // Its next question is asked on a connection of its own.
        query?.client.assumeIsolated { $0.close() }
        query = nil
        receive(.failed(Self.explained(error)))
    }

    /// Errors of clients speak of a Redis, and of its URL.
    private static func explained(_ error: RedisError) -> RedisError {
        switch error.code {
        case .authentication:
            RedisError(
                .authentication,
                "it refuses our user and password, or asks for them: set those of the Sentinels (\(error.message))")
        case .unsupported:
            RedisError(.unsupported, "this is not a Sentinel: their port is usually 26379 (\(error.message))")
        default: error
        }
    }

    private func receive(_ answer: SentinelAnswer) {
        guard !isClosed else { return }
        perform(search.receive(answer))
    }

    private func poll() {
        timer = loop.schedule(at: .now + period * .random(in: 0.8...1.2)) { [self] in
            poll()
            if !search.isUnderWay { perform(search.begin()) }
        }
    }

    // MARK: News

    private func watch(_ sentinel: RedisAddress) {
        guard watch?.sentinel != sentinel else { return }
        watch?.client.assumeIsolated { $0.close() }
        let client = client(of: sentinel, name: "spanq-sentinel-watch", connectTimeout: .seconds(2))
        watch = (sentinel, client)
        client.assumeIsolated {
            $0.subscribe(to: SentinelNews.allCases.map(\.rawValue)) { [self] channel, message in
                assumeIsolated { $0.hear(message, on: channel, from: sentinel) }
            }
        }
    }

    private func hear(_ message: String, on channel: String, from sentinel: RedisAddress) {
        guard !isClosed, let news = SentinelNews(rawValue: channel),
            let address = news.primary(in: message, of: search.service)
        else { return }
        search.switched(to: address, by: sentinel)
        move(to: address)
    }

    /// Tells all clients where the primary is. Those that are elsewhere go there.
    private func move(to address: RedisAddress) {
        for client in clients.values { client.assumeIsolated { $0.primaryMoved(to: address) } }
    }

    private func client(of sentinel: RedisAddress, name: String, connectTimeout: Duration) -> RedisClient {
        var configuration = RedisClient.Configuration()
        configuration.tls = tls
        configuration.connectTimeout = connectTimeout
        configuration.commandTimeout = connectTimeout
        configuration.waitsForServer = false
        let url = RedisURL(
            endpoint: .tcp(host: sentinel.host, port: sentinel.port), user: settings.user, password: settings.password,
            usesTLS: settings.usesTLS ?? url.usesTLS)
        return RedisClient(url: url, name: name, configuration: configuration, loop: loop, logger: silent)
    }
}

private func take<Element>(_ all: inout [Element]) -> [Element] {
    defer { all = [] }
    return all
}

/// How to talk to the Sentinels themselves: they have users, passwords and certificates of their own.
package struct SentinelSettings: Sendable, Hashable {
    package var user: String?
    /// Nil for Sentinels that ask for none.
    package var password: String?
    /// Whether they speak TLS; nil for as the URL has it.
    package var usesTLS: Bool?
    /// For those that do; nil for the settings of the Redis servers.
    package var tls: TLSSettings?

    package init(user: String? = nil, password: String? = nil, usesTLS: Bool? = nil, tls: TLSSettings? = nil) {
        self.user = user
        self.password = password
        self.usesTLS = usesTLS
        self.tls = tls
    }
}

extension SentinelSettings: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Without the password.
    package var description: String {
        "user \(user ?? "none"), password \(password == nil ? "none" : "***"), TLS \(usesTLS.map { "\($0)" } ?? "as the URL")"
    }

    package var debugDescription: String { description }

    package var customMirror: Mirror { Mirror(self, children: [:]) }
}
