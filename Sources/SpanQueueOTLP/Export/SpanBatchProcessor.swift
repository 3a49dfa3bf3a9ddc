// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import SpanQueueTelemetry

/// The batch processor of spans: each is written, where it ends, into the body of the request that it will be sent in, so that
/// nothing else is kept of it, and a span of a known shape costs little more than its bytes.
///
/// `@unchecked Sendable`: `writer` is used by the functions that add a span to a batch alone, which the processor calls under its lock.
final class SpanBatchProcessor: ExportPipeline, WritingSpanProcessor, @unchecked Sendable {
    private let processor: BatchProcessor<EncodedSpans>
    private let encoding: any OTLPEncoding
    private let writer: any OTLPSpanWriter

    /// - Parameters:
    ///   - limits: of the queue and of each batch.
    ///   - encoding: how spans are written.
    ///   - resource: what has made them.
    ///   - exporter: makes requests of batches with the same encoding and resource.
    init(
        _ limits: BatchLimits, as encoding: any OTLPEncoding, of resource: TelemetryResource,
        exporter: any BatchExporter<EncodedSpans>
    ) {
        processor = BatchProcessor(limits, exporter: exporter)
        self.encoding = encoding
        writer = encoding.spanWriter(resource)
    }

    func written(_ name: String, _ kind: SpanData.Kind, _ attributes: Attributes) -> SpanShape.Written {
        encoding.written(name, kind, attributes)
    }

    func submit(_ span: SpanData) {
        processor.submit { writer.write(span, to: &$0) }
    }

    func submit(_ span: ShapedSpan, markedAs reason: KeepReason?, _ parts: (any SpanPartWriter) -> Void) {
        processor.submit { writer.write(span, markedAs: reason, parts, to: &$0) }
    }

    func run() async { await processor.run() }
    func flush(within limit: Duration) async -> FlushResult { await processor.flush(within: limit) }
    func shutdown(within limit: Duration) async -> FlushResult { await processor.shutdown(within: limit) }
    var statistics: ExportStatistics { processor.statistics }

    /// Has ``run()`` export what is queued, soon.
    func requestFlush() { processor.requestFlush() }
}
