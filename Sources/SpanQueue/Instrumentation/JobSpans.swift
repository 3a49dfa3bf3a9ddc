import SpanQueueTelemetry

/// Builds the spans of a job's life and gives them to the tracer. Each is built when it is over, from what is known by then,
/// and only where it will be exported.
struct JobSpans: Sendable {
    let telemetry: JobTelemetry
    let tracer: SpanQueueTracer
    /// The worker's id; nil for the client.
    var worker: String?

    /// Nil where no spans go anywhere.
    init?(_ telemetry: JobTelemetry, worker: String? = nil) {
        guard let tracer = telemetry.exporting else { return nil }
        self.telemetry = telemetry
        self.tracer = tracer
        self.worker = worker
    }

    func attributes(
        _ operation: String, _ type: String?, queue: String, message: JobMessage? = nil, count: Int? = nil
    ) -> Attributes {
        Self.attributes(operation, type, queue: queue, worker: worker, message: message, count: count)
    }

    /// What every span of a job's life carries.
    static func attributes(
        _ operation: String, _ type: String?, queue: String, worker: String?, message: JobMessage? = nil,
        count: Int? = nil
    ) -> Attributes {
        // The process span of an attempt has the most: twelve.
        var list = Attributes(capacity: 12)
        list.add(unique: "messaging.system", "spanqueue")
        list.add(unique: "messaging.destination.name", .string(queue))
        list.add(unique: "messaging.operation.name", .string(operation))
        if let type { list.add(unique: "messaging.operation.type", .string(type)) }
        if let worker { list.add(unique: "messaging.client.id", .string(worker)) }
        if let count { list.add(unique: "messaging.batch.message_count", .int(count)) }
        if let message {
            list.add(unique: "messaging.message.id", .string(message.id.description))
            list.add(unique: "spanq.job.type", .string(message.type))
        }
        return list
    }

    /// What the span of an attempt carries beside that.
    static func describe(
        attempt number: Int, of message: JobMessage, token: FencingToken, wait: Duration, _ attributes: inout Attributes
    ) {
        attributes.add(unique: "spanq.job.attempt", .int(number))
        attributes.add(unique: "spanq.job.max_attempts", .int(message.maxAttempts))
        attributes.add(unique: "spanq.job.wait_seconds", .double(wait.inSeconds))
        attributes.add(unique: "spanq.job.token", .int(token.value))
    }

    /// What the span of a settlement carries beside that.
    static func describe(settlement record: AttemptRecord, _ attributes: inout Attributes) {
        if let delay = record.retryDelay {
            attributes["spanq.job.retry_delay_seconds"] = .double(delay.inSeconds)
        }
        if let reason = record.reason { attributes["spanq.job.reason"] = .string(reason) }
    }
}

extension Timestamp {
    /// Nanoseconds since 1970, saturating in the year 2554; zero for what lies before 1970.
    var nanoseconds: UInt64 {
        let (product, overflow) = UInt64(max(0, milliseconds)).multipliedReportingOverflow(by: 1_000_000)
        return overflow ? .max : product
    }
}
