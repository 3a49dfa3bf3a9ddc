// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

public import SpanQueue
import SpanQueueTelemetry

/// A statement that enqueues one job, for any Postgres driver: see `JobQueue.statement(for:_:schema:)`.
public struct PostgresStatement: Sendable, Hashable {
    /// The SQL, with `$1`, `$2` and so on in the places of the parameters. Each is cast from `text`, so it does not matter how the driver
    /// declares a string. It gives one row with one column of text: the id of the job.
    public let text: String
    /// The parameters in their order, all of them texts and none of them null.
    public let parameters: [String]
}

extension JobQueue {
    /// The statement that enqueues a job in a transaction of yours, with the Postgres driver of your choice: the job is there if you
    /// commit, and never was if you roll back. It calls `spanq.enqueue`, and needs no connection of this queue.
    ///
    /// ```swift
    /// let statement = try queue.statement(for: WelcomeEmail(userID: 42), .delay(.seconds(5)))
    /// // PostgresNIO, inside a transaction:
    /// var bindings = PostgresBindings()
    /// for parameter in statement.parameters { bindings.append(parameter) }
    /// try await connection.query(PostgresQuery(unsafeSQL: statement.text, binds: bindings), logger: logger)
    /// ```
    ///
    /// The row that comes back has the job's id; where a job with this id and content is there, or another one holds the unique key, the
    /// id of that one. An id with other content is SQLSTATE 23505.
    ///
    /// The job is made with the defaults of this queue's configuration, and carries the trace of the current task. Its middleware is not
    /// run, and no span or metric tells of the enqueue. The payload is stored as `jsonb` prints it, so with an id of your own enqueue a
    /// job always in this way, or always by `enqueue(_:_:)`: the two are not the same content. `.deadline(after:)` counts from the
    /// statement.
    ///
    /// - Parameters:
    ///   - job: the job; its options come before those given here.
    ///   - options: all but `.tags`, `.retryPolicy`, `.retention`, `.uniqueUntilStarted` and locks without a key, which `spanq.enqueue` does
    ///     not have.
    ///   - schema: the schema with our tables; `spanq` unless given.
    /// - Throws: `.unsupported` for one of those options; `.invalidArgument` for what is out of bounds, or a payload that is not UTF-8;
    ///   `.tooLarge` for a payload over 1 MiB. Whether it is JSON, Postgres says.
    public func statement<J: Job>(
        for job: J, _ options: EnqueueOption..., schema: String = "spanq"
    ) throws(SpanQueueError) -> PostgresStatement {
        try statement(for: EnqueueRequest(job, options), schema: schema)
    }

    /// The statement that enqueues a request in a transaction of yours. See `statement(for:_:schema:)`.
    public func statement(
        for request: EnqueueRequest, schema: String = "spanq"
    ) throws(SpanQueueError) -> PostgresStatement {
        let schema = try PostgresSchema(schema)
        let terms = try EnqueueTerms(request, configuration)
        var arguments = StatementArguments()
        try arguments.add(terms)
        if let trace = TraceContext.current { arguments.add("traceparent", "text", trace.traceParent) }
        let list = arguments.list.joined(separator: ", ")
        return PostgresStatement(text: "SELECT \(schema.name).enqueue(\(list))", parameters: arguments.values)
    }
}

/// The arguments of one call, by name.
private struct StatementArguments {
    /// The largest payload that `spanq.enqueue` takes.
    private static let payloadBytes = 1_048_576

    private(set) var list: [String] = []
    private(set) var values: [String] = []

    /// - Parameter form: a type, or an expression with `$` in the place of the value, which is text.
    mutating func add(_ name: String, _ form: String, _ value: String) {
        values.append(value)
        let place = "$\(values.count)::text"
        list.append("\(name) => " + (form.contains("$") ? form.replacing("$", with: place) : "\(place)::\(form)"))
    }

    private static let span = "interval '1 millisecond' * $::bigint"
    private static let moment = "to_timestamp($::bigint / 1000.0)"

    mutating func add(_ terms: EnqueueTerms) throws(SpanQueueError) {
        try Self.refuse(terms)
        guard let payload = String(validating: terms.payload, as: UTF8.self) else {
            throw SpanQueueError(.invalidArgument, "the payload is not UTF-8, and SQL takes JSON alone")
        }
        guard terms.payload.count <= Self.payloadBytes else {
            throw SpanQueueError(
                .tooLarge,
                "the payload has \(terms.payload.count) bytes, and SQL takes \(Self.payloadBytes): "
                    + "store it elsewhere and enqueue a reference to it")
        }
        add("queue", "text", terms.queue)
        add("type", "text", terms.type)
        add("payload", "jsonb", payload)
        if let id = terms.id { add("id", "text", id.description) }
        if terms.priority != 0 { add("priority", "int", "\(terms.priority)") }
        switch terms.schedule {
        case .now: break
        case .after(let delay): add("delay", Self.span, "\(delay.milliseconds)")
        case .at(let moment): add("run_at", Self.moment, "\(moment.milliseconds)")
        }
        switch terms.expiry {
        case nil: break
        case .after(let delay)?: add("deadline", "clock_timestamp() + \(Self.span)", "\(delay.milliseconds)")
        case .at(let moment)?: add("deadline", Self.moment, "\(moment.milliseconds)")
        }
        if case (let key?, let span)? = terms.unique {
            add("unique_key", "text", key)
            if let duration = span.duration { add("unique_for", Self.span, "\(duration.milliseconds)") }
        }
        add("max_retries", "int", "\(terms.maxRetries)")
        if let timeout = terms.timeout { add("timeout", Self.span, "\(timeout.milliseconds)") }
    }

    private static func refuse(_ terms: EnqueueTerms) throws(SpanQueueError) {
        let missing =
            if !terms.tags.isEmpty {
                ".tags"
            } else if terms.backoff != nil {
                ".retryPolicy"
            } else if terms.retention != .standard {
                ".retention"
            } else if let unique = terms.unique, unique.key == nil {
                "a lock without a key"
            } else if terms.unique?.span == .untilStarted {
                ".uniqueUntilStarted"
            } else {
                ""
            }
        guard missing.isEmpty else {
            throw SpanQueueError(
                .unsupported, "spanq.enqueue does not have \(missing): leave it out, or enqueue with the queue itself")
        }
    }
}
