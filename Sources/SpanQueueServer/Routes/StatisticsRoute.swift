internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import SpanQueueLoop
internal import SpanQueueTelemetry

/// Answers GET /stats.
struct StatisticsRoute: Sendable {
    private let body: SharedRun<ByteBuffer>

    init(on thread: LoopThread, _ read: @escaping @Sendable () async throws -> QueueStatistics) {
        body = SharedRun(deadline: .seconds(2), on: thread) {
            let statistics = try await read()
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            var buffer = ByteBuffer(bytes: try encoder.encode(statistics))
            buffer.writeString("\n")
            return buffer
        }
    }

    func respond() async -> Response {
        switch await body.value() {
        case .success(let body):
            return Response(
                status: .ok, headers: [.contentType: "application/json", .cacheControl: "no-store"],
                body: ResponseBody(byteBuffer: body))
        case .failure(let error):
            let problem = "\(error)".split(whereSeparator: \.isNewline).joined(separator: " ").prefix(300)
            return RequestRules.line(.serviceUnavailable, String(problem))
        case .late:
            return RequestRules.line(.serviceUnavailable, "the queues' engine did not answer in time")
        }
    }
}
