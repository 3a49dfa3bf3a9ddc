import SpanQueue
import SpanQueueTelemetry

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// What a program finds in its environment: the variables that are passed through, and what its job is.
struct ExecEnvironment: Sendable {
    /// `NAME=value`, read once. The bytes as they are: a value need not be UTF-8.
    private let passed: [[UInt8]]

    init(passing names: [String]) throws(SpanQueueError) {
        for name in names where name.isEmpty || name.utf8.contains(where: { $0 == 0x3D || $0 <= 0x20 || $0 >= 0x7F }) {
            throw SpanQueueError(
                .invalidArgument, "\(Excerpt.printable(name, limit: 100)) is not the name of an environment variable")
        }
        var seen: Set<String> = []
        passed = names.compactMap { name in
            guard seen.insert(name).inserted, !Self.isOurs(name), let value = getenv(name) else { return nil }
            return Array("\(name)=".utf8) + UnsafeRawBufferPointer(start: value, count: strlen(value))
        }
    }

    func variables(for context: JobContext) -> [[UInt8]] {
        var variables = [
            "SPANQ_JOB_ID=\(context.id)", "SPANQ_JOB_TYPE=\(context.type)", "SPANQ_QUEUE=\(context.queue)",
            "SPANQ_ATTEMPT=\(context.attempt)", "SPANQ_MAX_ATTEMPTS=\(context.maxAttempts)",
            "SPANQ_TOKEN=\(context.token.value)", "TRACEPARENT=\(context.trace.traceParent)",
        ]
        if let traceState = context.trace.traceState { variables.append("TRACESTATE=\(traceState)") }
        if let baggage = context.trace.baggage { variables.append("BAGGAGE=\(baggage)") }
        // A NUL would cut the variable short, and only the last two can have one: what is broken is left out.
        return passed + variables.filter { !$0.utf8.contains(0) }.map { Array($0.utf8) }
    }

    /// A variable that names the job is the job's, also where the worker itself runs inside another trace.
    private static func isOurs(_ name: String) -> Bool {
        ["TRACEPARENT", "TRACESTATE", "BAGGAGE"].contains(name)
            || ["SPANQ_JOB_ID", "SPANQ_JOB_TYPE", "SPANQ_QUEUE", "SPANQ_ATTEMPT", "SPANQ_MAX_ATTEMPTS", "SPANQ_TOKEN"]
                .contains(name)
    }
}
