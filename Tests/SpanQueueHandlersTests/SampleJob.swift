// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Logging
import SpanQueueTelemetry
import Synchronization

@testable import SpanQueue

/// A job in the hands of a handler, and what the handler leaves.
struct SampleJob {
    let payload: [UInt8]
    let context: JobContext
    let log: LogRecorder

    static let trace = TraceContext(
        traceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", traceState: "vendor=1",
        baggage: "who=me")

    init(_ payload: [UInt8] = [], type: String = "email:welcome", trace: TraceContext? = Self.trace) {
        let message = JobMessage(
            id: "job-1", queue: "mail", type: type, payload: payload, priority: 0, maxRetries: 4, backoff: nil,
            timeout: nil, deadline: nil, unique: nil, retention: .standard, tags: [], trace: trace ?? .root(),
            runAt: nil,
            enqueuedAt: Timestamp(milliseconds: 0), contentDigest: nil)
        var run = RunRecord()
        run.attempts = 1
        let claim = ClaimedJob(
            message: message, run: run,
            reference: ClaimReference(
                id: "job-1", queue: "mail", token: FencingToken(value: 1234, nonce: 7), worker: "w"),
            claimedAt: Timestamp(milliseconds: 0))
        let log = LogRecorder()
        self.log = log
        self.payload = payload
        context = JobContext(
            claim,
            JobContext.Environment(
                engine: NoEngine(), limits: Limits(),
                logger: Logger(label: "test") { _ in RecordingHandler(log: log) }),
            trace: AttemptTrace.context(
                of: message, token: claim.reference.token, eligibleAt: claim.eligibleAt, telemetry: JobTelemetry()))
    }

    init(_ text: String, type: String = "email:welcome", trace: TraceContext? = Self.trace) {
        self.init(Array(text.utf8), type: type, trace: trace)
    }

    var result: [UInt8]? { context.report.result }
    var resultText: String { String(decoding: result ?? [], as: UTF8.self) }
}

/// Every line that was logged, with its metadata.
final class LogRecorder: Sendable {
    private let recorded = Mutex<[String]>([])

    func append(_ line: String) { recorded.withLock { $0.append(line) } }
    var lines: [String] { recorded.withLock { $0 } }
}

private struct RecordingHandler: LogHandler {
    let log: LogRecorder
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    init(log: LogRecorder) { self.log = log }

    subscript(metadataKey key: String) -> Logger.MetadataValue? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        log.append("\(event.level) \(event.message) \(event.metadata ?? [:])")
    }
}

/// What `body` throws, as text; nil where it returns.
func failure(_ body: () async throws -> Void) async -> (any Error)? {
    do {
        try await body()
        return nil
    } catch {
        return error
    }
}

/// Waits until something is so, for at most 10 s.
func eventually(_ condition: () -> Bool) async -> Bool {
    let end = ContinuousClock.now + .seconds(10)
    while !condition() {
        guard ContinuousClock.now < end else { return false }
        try? await Task.sleep(for: .milliseconds(5))
    }
    return true
}
