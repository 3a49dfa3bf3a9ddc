// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import PostgresClient
public import SpanQueue

/// The settings of the Postgres engine.
public struct PostgresEngineOptions: Sendable, Hashable {
    /// How long a call waits for Postgres, reconnects included, 100 ms to 5 minutes; 5 seconds unless set.
    public var commandTimeout: Duration
    /// Whether the start waits, for as long, for a server that can't be reached now; true unless set.
    public var waitsForServer: Bool
    /// The schema with our tables, which `spanq pg migrate` makes; `spanq` unless set.
    public var schema: String
    /// How long the record of a completed or cancelled job is kept; one hour unless set.
    public var retention: Duration
    /// How many completed jobs a queue keeps at most, those with a retention of their own not counted; 10,000 unless set. What is
    /// beyond that goes with the next sweep.
    public var retentionCount: Int
    /// How long dead letters are kept; forever unless set.
    public var deadRetention: Duration?
    /// Whether the end of an attempt waits for the disk; false unless set. A server that crashes may then forget the ends of the last
    /// fraction of a second, and those jobs run a second time; none is lost. Enqueues always commit as the server is set.
    public var settlesDurably: Bool

    /// The settings above.
    public init(
        commandTimeout: Duration = .seconds(5), waitsForServer: Bool = true, schema: String = "spanq",
        retention: Duration = .seconds(3600), retentionCount: Int = 10_000, deadRetention: Duration? = nil,
        settlesDurably: Bool = false
    ) {
        self.commandTimeout = commandTimeout
        self.waitsForServer = waitsForServer
        self.schema = schema
        self.retention = retention
        self.retentionCount = retentionCount
        self.deadRetention = deadRetention
        self.settlesDurably = settlesDurably
    }

    /// Checks that these settings can be used, and reads the URL.
    package func checked(_ text: String) throws(SpanQueueError) -> (url: PostgresURL, schema: PostgresSchema) {
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
        guard (0...10_000_000).contains(retentionCount) else {
            throw SpanQueueError(.invalidArgument, "retention count \(retentionCount): use 0 to 10000000")
        }
        let schema = try PostgresSchema(schema)
        do throws(PostgresError) {
            return (try PostgresURL(text), schema)
        } catch {
            throw SpanQueueError(.invalidArgument, error.message)
        }
    }
}

extension EngineSource {
    /// The Postgres engine, on Postgres 14 or later.
    ///
    /// - Parameters:
    ///   - url: `postgres://[user[:password]@]host[:port][,…]/database[?keyword=value&…]`, or `keyword=value …`, as libpq reads them; what
    ///     it leaves out comes from the `PG…` variables and from service and password files. Errors and logs show no password.
    ///   - options: the settings.
    ///
    /// A URL or a setting that can't be used is found when the queue is made: `.invalidArgument`. The database needs our schema, which
    /// `spanq pg migrate` makes.
    public static func postgres(
        _ url: String, _ options: PostgresEngineOptions = PostgresEngineOptions()
    ) -> EngineSource {
        EngineSource(check: { () throws(SpanQueueError) in _ = try options.checked(url) }) { environment in
            let (url, schema) = try options.checked(url)
            return PostgresEngine(url: url, schema: schema, options: options, environment: environment)
        }
    }
}
