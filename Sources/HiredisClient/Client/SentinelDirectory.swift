// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import Logging
package import SpanQueueLoop

/// Knows where the primary of a service is, by its Sentinels. The clients of one engine share it: they ask it whenever they connect, and
/// it tells them when the primary is another one.
///
/// ``SentinelSearch`` decides whom to ask. It is asked at every connection, and every ten seconds; subscriptions to ``SentinelNews`` at
/// all Sentinels make it faster, and are not relied on.
///
/// From the moment at which a Sentinel has chosen the next primary nobody is to be at the old one: what that takes now is lost, and its
/// other replicas would still confirm it. The Sentinels go on to name it for a second, so they are not asked then. The chosen one is asked
/// itself whether it is the primary by now; who wants to connect waits for that.
///
/// **Thread.** As ``RedisClient``: its state belongs to the thread of its loop, on which all its clients live.
package actor SentinelDirectory {
    /// How often the Sentinels are asked where nobody connects.
    private let period: Duration
    /// For how long a choice is waited for, until the Sentinels name the chosen one: they must have noticed by then.
    private let patience: Duration
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
    /// To the Sentinel that was asked last, and to those that tell by themselves.
    private var query: (sentinel: RedisAddress, client: RedisClient)?
    private var watches: [RedisAddress: RedisClient] = [:]
    private var timer: LoopTimer?
    private var choice: Choice?
    private var isClosed = false

    /// The next primary, while no Sentinel names it.
    private struct Choice {
        let address: RedisAddress
        /// To itself.
        let client: RedisClient
        let end: LoopTimer
        var isPrimary = false
    }

    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// Nil for a URL that names no Sentinels.
    ///
    /// - Parameters:
    ///   - tls: of the Redis servers, and of the Sentinels where `settings` has none for them.
    ///   - period: how often the Sentinels are asked where nobody connects.
    ///   - patience: for how long they are not asked after they have chosen another primary.
    package init?(
        url: RedisURL, settings: SentinelSettings, tls: TLSSettings, loop: LoopThread, logger: Logger,
        period: Duration = .seconds(10), patience: Duration = .seconds(3)
    ) {
        self.period = period
        self.patience = patience
        guard case .sentinels(let seeds, let service) = url.endpoint else { return nil }
        self.url = url
        self.settings = settings
        self.tls = tls
        self.loop = loop
        self.logger = logger
        search = SentinelSearch(service: service, seeds: seeds)
    }

    /// Lets go of its connections. It finds nothing after that.
    package func close() {
        isClosed = true
        if let timer { loop.cancel(timer) }
        timer = nil
        endChoice()
        query?.client.assumeIsolated { $0.close() }
        for watch in watches.values { watch.assumeIsolated { $0.close() } }
        query = nil
        watches = [:]
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
        if let choice, choice.isPrimary { return completion(.success(choice.address)) }
        callers.append(completion)
        beginSearch()
        if timer == nil { poll() }
    }

    /// A client has been there, and what it found is not a primary.
    func distrust(_ address: RedisAddress) {
        search.distrust(address)
    }

    // MARK: The search

    private func beginSearch() {
        if choice == nil, !search.isUnderWay { perform(search.begin()) }
    }

    private func perform(_ action: SentinelSearch.Action) {
        switch action {
        case .ask(let sentinel, let limit): ask(sentinel, within: limit)
        // What was begun before the choice. Those who wait are waiting for that.
        case .failed where choice != nil, .found where choice != nil: break
        case .failed(let error):
            for caller in take(&callers) { caller(.failure(error)) }
        case .found(let address, _):
            watch(search.sentinels)
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
            beginSearch()
        }
    }

    // MARK: News

    /// More than anybody runs are not listened to.
    private static let mostWatches = 7

    private func watch(_ sentinels: [RedisAddress]) {
        let wanted = Set(sentinels.sorted { "\($0)" < "\($1)" }.prefix(Self.mostWatches))
        for (sentinel, client) in watches where !wanted.contains(sentinel) {
            client.assumeIsolated { $0.close() }
            watches[sentinel] = nil
        }
        for sentinel in wanted where watches[sentinel] == nil {
            let client = client(of: sentinel, name: "spanq-sentinel-watch", connectTimeout: .seconds(2))
            watches[sentinel] = client
            client.assumeIsolated {
                $0.subscribe(to: SentinelNews.allCases.map(\.rawValue)) { [self] channel, message in
                    assumeIsolated { $0.hear(message, on: channel, from: sentinel) }
                }
            }
        }
    }

    private func hear(_ message: String, on channel: String, from sentinel: RedisAddress) {
        guard !isClosed, let news = SentinelNews(rawValue: channel),
            let address = news.primary(in: message, of: search.service)
        else { return }
        search.switched(to: address, by: sentinel)
        switch news {
        case .chosen: wait(for: address)
        case .switched, .promoted: endChoice()
        }
        move(to: address)
        if news != .chosen, !callers.isEmpty { beginSearch() }
    }

    // MARK: The next primary

    private func wait(for address: RedisAddress) {
        guard choice?.address != address else { return }
        endChoice()
        var configuration = configuration(of: tls, connectTimeout: .milliseconds(500))
        configuration.backoff = Backoff(base: .milliseconds(5), cap: .milliseconds(50))
        let redis = RedisURL(
            endpoint: .tcp(host: address.host, port: address.port), user: url.user, password: url.password,
            usesTLS: url.usesTLS)
        let client = RedisClient(
            url: redis, name: "spanq-sentinel-choice", configuration: configuration, loop: loop, logger: silent)
        let end = loop.schedule(at: .now + patience) { [self] in
            guard choice?.address == address else { return }
            endChoice()
            beginSearch()
        }
        choice = Choice(address: address, client: client, end: end)
        askForRole()
    }

    private func endChoice() {
        guard let choice else { return }
        self.choice = nil
        loop.cancel(choice.end)
        choice.client.assumeIsolated { $0.close() }
    }

    /// A replica drops its connections when it becomes the primary, so those who come too early come twice.
    private func askForRole() {
        guard let choice, !choice.isPrimary else { return }
        let address = choice.address
        choice.client.assumeIsolated { client in
            client.send(RESPCommand("ROLE"), within: .milliseconds(500)) { [self] result in
                assumeIsolated { $0.hear(role: result, of: address) }
            }
        }
    }

    private func hear(role: Result<RESPReply, RedisError>, of address: RedisAddress) {
        guard !isClosed, choice?.address == address, choice?.isPrimary == false else { return }
        guard case .success(let reply) = role, (try? Handshake.role(in: reply)) == Handshake.primaryRole else {
            loop.schedule(at: .now + .milliseconds(10)) { [self] in askForRole() }
            return
        }
        choice?.isPrimary = true
        for caller in take(&callers) { caller(.success(address)) }
    }

    /// Tells all clients where the primary is. Those that are elsewhere go there.
    private func move(to address: RedisAddress) {
        for client in clients.values { client.assumeIsolated { $0.primaryMoved(to: address) } }
    }

    private func client(of sentinel: RedisAddress, name: String, connectTimeout: Duration) -> RedisClient {
        var configuration = configuration(of: settings.tls ?? tls, connectTimeout: connectTimeout)
        // A Sentinel may be away for days.
        configuration.backoff = Backoff(base: .milliseconds(100), cap: .seconds(10))
        let url = RedisURL(
            endpoint: .tcp(host: sentinel.host, port: sentinel.port), user: settings.user, password: settings.password,
            usesTLS: settings.usesTLS ?? url.usesTLS)
        return RedisClient(url: url, name: name, configuration: configuration, loop: loop, logger: silent)
    }

    private func configuration(of tls: TLSSettings, connectTimeout: Duration) -> RedisClient.Configuration {
        var configuration = RedisClient.Configuration()
        configuration.tls = tls
        configuration.connectTimeout = connectTimeout
        configuration.commandTimeout = connectTimeout
        configuration.waitsForServer = false
        return configuration
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
