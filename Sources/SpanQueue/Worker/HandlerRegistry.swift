/// Finds the handler of a job type: one registered under its name, or else the one with the longest pattern that matches.
struct HandlerRegistry: Sendable {
    struct Handler: Sendable {
        let retryPolicy: (any RetryPolicy)?
        let body: @Sendable (RawJob, JobContext) async throws -> Void
    }

    private var exact: [String: Handler] = [:]
    /// Without the asterisk, longest first.
    private var prefixes: [(prefix: String, handler: Handler)] = []

    /// - Parameter pattern: a job type, or the beginning of one and an asterisk: `email:*`, `*`.
    mutating func register(_ pattern: String, _ handler: Handler) throws(SpanQueueError) {
        guard pattern.hasSuffix("*") else {
            try NameRule.jobType.check(pattern)
            guard exact.updateValue(handler, forKey: pattern) == nil else { throw Self.taken(pattern) }
            return
        }
        let prefix = String(pattern.dropLast())
        if !prefix.isEmpty { try NameRule.jobType.check(prefix) }
        guard !prefixes.contains(where: { $0.prefix == prefix }) else { throw Self.taken(pattern) }
        prefixes.append((prefix, handler))
        prefixes.sort { $0.prefix.utf8.count > $1.prefix.utf8.count }
    }

    func handler(for type: String) -> Handler? {
        exact[type] ?? prefixes.first { type.hasPrefix($0.prefix) }?.handler
    }

    private static func taken(_ pattern: String) -> SpanQueueError {
        SpanQueueError(.invalidArgument, "\(pattern) has a handler already: register one for each job type or pattern")
    }
}
