// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import HiredisClient
public import SpanQueue

/// The settings of the Redis engine.
public struct RedisEngineOptions: Sendable, Hashable {
    /// How long a call waits for Redis, reconnects included, 100 ms to 5 minutes; 5 seconds unless set.
    public var commandTimeout = Duration.seconds(5)
    /// Whether the start waits, for as long, for a server that can't be reached now: it may be starting. Where not, a connection
    /// that is refused is an error at once. True unless set.
    public var waitsForServer = true
    /// How long the record of a completed or cancelled job is kept; one hour unless set.
    public var retention = Duration.hours(1)
    /// How many completed jobs a queue keeps at most, those with a retention of their own not counted; 10,000 unless set.
    public var retentionCount = 10_000
    /// How long dead letters are kept; forever unless set. Those that are trimmed are counted as removed.
    public var deadRetention: Duration?
    /// Whether to work with a Redis that may evict our keys when its memory is full; false unless set. Jobs are then lost without a trace.
    public var allowsEviction = false

    /// What must have happened to new jobs before an enqueue succeeds; `primary` unless set.
    public var durability = RedisDurability.primary

    /// For a `rediss://` URL: whom to trust, and our own certificate; the system's authorities and no certificate unless set.
    public var tls = RedisTLS()

    /// For a `redis-sentinel://` URL: how to talk to the Sentinels; without a user, and with TLS if the URL has it, unless set.
    public var sentinel = RedisSentinel()

    /// How many entries of a list are read, from each of its ends, to take a job out of it: 10,000 take Redis about 0.1 ms.
    package var nearEntries = 10_000

    /// The settings above.
    public init(
        commandTimeout: Duration = .seconds(5), waitsForServer: Bool = true, retention: Duration = .seconds(3600),
        retentionCount: Int = 10_000, deadRetention: Duration? = nil, allowsEviction: Bool = false,
        durability: RedisDurability = .primary
    ) {
        self.commandTimeout = commandTimeout
        self.waitsForServer = waitsForServer
        self.retention = retention
        self.retentionCount = retentionCount
        self.deadRetention = deadRetention
        self.allowsEviction = allowsEviction
        self.durability = durability
    }

    /// Checks that these settings can be used for a URL, and reads it.
    package func checkedURL(_ text: String) throws(SpanQueueError) -> RedisURL {
        try check()
        let url: RedisURL
        do throws(RedisURLError) {
            url = try RedisURL(text)
        } catch {
            throw SpanQueueError(.invalidArgument, error.message)
        }
        try sentinel.check(for: url, tls)
        try tls.check(for: url)
        return url
    }

    package func check() throws(SpanQueueError) {
        guard commandTimeout >= .milliseconds(100), commandTimeout <= .minutes(5) else {
            throw SpanQueueError(
                .invalidArgument, "command timeout \(DurationText.format(commandTimeout)): use 100ms to 5m")
        }
        guard retention >= .zero, retention <= Limits.farthestDelay else {
            throw SpanQueueError(.invalidArgument, "retention \(DurationText.format(retention)): use 0s to 10 years")
        }
        if let deadRetention, deadRetention < .seconds(1) || deadRetention > Limits.farthestDelay {
            throw SpanQueueError(
                .invalidArgument, "retention of dead letters \(DurationText.format(deadRetention)): use 1s to 10 years")
        }
        guard durability.isInRange else {
            throw SpanQueueError(.invalidArgument, "durability \(durability): use 1 to 16 replicas")
        }
        guard (0...10_000_000).contains(retentionCount) else {
            throw SpanQueueError(.invalidArgument, "retention count \(retentionCount): use 0 to 10000000")
        }
    }
}

/// What must have happened to new jobs before an enqueue succeeds.
public struct RedisDurability: Sendable, Hashable, CustomStringConvertible {
    enum Kind: Sendable, Hashable {
        case primary
        case replicas(Int)
        case disk(replicas: Int)
    }

    let kind: Kind

    /// The primary has taken them. What it then does with them, its persistence decides.
    public static let primary = RedisDurability(kind: .primary)

    /// This many replicas, 1 to 16, have taken them too (`WAIT`). They hold them in memory; a replica that is promoted knows them.
    public static func replicas(_ count: Int) -> RedisDurability { RedisDurability(kind: .replicas(count)) }

    /// The primary has them in its AOF on disk, and so have this many replicas, 0 to 16, in theirs (`WAITAOF`). For a server whose
    /// `WAITAOF` keeps its word: Redis 8.0 or later, or another one under `appendfsync always`. The start checks that.
    public static func disk(replicas: Int) -> RedisDurability { RedisDurability(kind: .disk(replicas: replicas)) }

    private init(kind: Kind) {
        self.kind = kind
    }

    /// Reads `none`, `wait:N`, `aof` or `aof:N`.
    ///
    /// - Throws: `.invalidArgument` for another text.
    public init(_ text: String) throws(SpanQueueError) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let durability: RedisDurability? =
            switch (parts[0], parts.dropFirst().first.map { Int($0) }) {
            case ("none", nil): .primary
            case ("wait", .some(.some(let count))): .replicas(count)
            case ("aof", nil): .disk(replicas: 0)
            case ("aof", .some(.some(let count))) where count > 0: .disk(replicas: count)
            default: nil
            }
        guard let durability, durability.isInRange else {
            throw SpanQueueError(
                .invalidArgument,
                "\"\(text)\" is not a durability: write none, wait:1 to wait:16 for so many replicas, aof for the disk, "
                    + "or aof:1 to aof:16 for the disks of so many replicas too")
        }
        self = durability
    }

    var isInRange: Bool {
        switch kind {
        case .primary: true
        case .replicas(let count): (1...16).contains(count)
        case .disk(let replicas): (0...16).contains(replicas)
        }
    }

    /// The text that it is read from.
    public var description: String {
        switch kind {
        case .primary: "none"
        case .replicas(let count): "wait:\(count)"
        case .disk(replicas: 0): "aof"
        case .disk(let replicas): "aof:\(replicas)"
        }
    }
}

/// How the server of a `rediss://` URL is checked, and how it checks us.
///
/// The server's certificate is always verified: that an authority which is trusted here has signed it, that it has not expired, and
/// that it is for the host of the URL. Nothing turns that off. TLS 1.2 and 1.3 are spoken. The files are in PEM; they are read at the
/// start, and again at a connection when they have changed, so a certificate can be renewed under a running process.
public struct RedisTLS: Sendable, Hashable {
    /// The path of a file with the certificates of the authorities to trust, or of a folder as `openssl rehash` makes it; the
    /// system's unless set.
    public var authorities: String?
    /// The path of our own certificate with the chain that leads to it, for servers that ask clients for one; none unless set.
    public var certificate: String?
    /// The path of its key, which must not have a password.
    public var key: String?
    /// The name that the server's certificate must be for, where that is not the URL's host: for a server that is reached by its
    /// address, or through a tunnel.
    public var serverName: String?

    /// - Parameters:
    ///   - authorities: see the property of this name, as for the others.
    public init(
        authorities: String? = nil, certificate: String? = nil, key: String? = nil, serverName: String? = nil
    ) {
        self.authorities = authorities
        self.certificate = certificate
        self.key = key
        self.serverName = serverName
    }

    package var settings: TLSSettings {
        TLSSettings(caPath: authorities, certificatePath: certificate, keyPath: key, serverName: serverName)
    }

    /// Whether it can be used for a URL.
    func check(for url: RedisURL) throws(SpanQueueError) {
        guard url.usesTLS else {
            // They may be for Sentinels only, which are checked by themselves.
            guard self == RedisTLS() || url.usesSentinels else {
                throw SpanQueueError(
                    .invalidArgument, "TLS settings have no effect on \(url): write rediss:// to connect by TLS")
            }
            return
        }
        do throws(RedisError) {
            try settings.check()
        } catch {
            throw SpanQueueError(.invalidArgument, error.message)
        }
    }
}

extension EngineSource {
    /// The Redis engine.
    ///
    /// - Parameters:
    ///   - url: `redis://[user:password@]host[:port][/db]`, the same with `rediss://` for TLS, `unix:///path[?db=n]`, or
    ///     `redis-sentinel://[user:password@]host[:port],host[:port]/service[/db]` for the primary that Sentinels name, `rediss-sentinel://`
    ///     for TLS. Errors and logs show it without the password.
    ///   - options: the settings.
    ///
    /// A URL or a setting that can't be used is found when the queue is made: `.invalidArgument`.
    public static func redis(_ url: String, _ options: RedisEngineOptions = RedisEngineOptions()) -> EngineSource {
        redis(url, options, scripts: .embedded)
    }

    /// The Redis engine with scripts of the caller's choice.
    package static func redis(
        _ url: String, _ options: RedisEngineOptions = RedisEngineOptions(), scripts: Scripts
    ) -> EngineSource {
        EngineSource(check: { () throws(SpanQueueError) in _ = try options.checkedURL(url) }) { environment in
            RedisEngine(
                url: try options.checkedURL(url), options: options, scripts: scripts, environment: environment)
        }
    }
}
