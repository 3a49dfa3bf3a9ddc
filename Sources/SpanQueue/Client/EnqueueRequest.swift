/// One of many jobs to be enqueued in one round trip.
public struct EnqueueRequest: Sendable {
    let type: String
    let payload: [UInt8]
    let options: [EnqueueOption]

    /// A job of a Swift type, encoded as JSON.
    ///
    /// - Throws: `SpanQueueError` with `.invalidArgument` where the value can't be encoded.
    public init<J: Job>(_ job: J, _ options: EnqueueOption...) throws(SpanQueueError) {
        self.type = J.jobType
        self.payload = try JobCoding.encode(job)
        self.options = J.options + options
    }

    /// A job by its type's name, with bytes that are passed on as they are.
    public init(type: String, payload: [UInt8], options: [EnqueueOption] = []) {
        self.type = type
        self.payload = payload
        self.options = options
    }

    /// Checks it as `JobQueue.enqueue(_:)` does before it asks the engine: without a connection, so that what is wrong can be said
    /// early.
    ///
    /// - Parameter configuration: that of the queue it is for.
    /// - Throws: `.invalidArgument`, `.tooLarge`.
    public func validate(for configuration: JobQueueConfiguration = JobQueueConfiguration()) throws(SpanQueueError) {
        _ = try checkedOptions(configuration)
    }

    /// Its options with the queue's defaults, after everything was checked.
    func checkedOptions(_ configuration: JobQueueConfiguration) throws(SpanQueueError) -> EnqueueOptions {
        let options = EnqueueOptions(configuration, options)
        let limits = configuration.limits
        try NameRule.jobType.check(type)
        try options.check(limits: limits)
        guard payload.count <= limits.payloadBytes else {
            throw SpanQueueError(
                .tooLarge,
                "the payload has \(payload.count) bytes and may have \(limits.payloadBytes): "
                    + "store it elsewhere and enqueue a reference to it")
        }
        return options
    }
}
