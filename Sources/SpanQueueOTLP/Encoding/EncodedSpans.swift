// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueueTelemetry

/// Items that are exported together.
package protocol ItemBatch {
    /// No items.
    init()
    /// How many items there are.
    var count: Int { get }
}

extension Array: ItemBatch {}

/// Spans that will be sent together, written already. What the bytes are is the matter of the ``OTLPSpanWriter`` that added them.
package struct EncodedSpans: ItemBatch, Sendable, Hashable {
    /// The spans, and what stands round them.
    var bytes: [UInt8] = []
    /// How many spans there are.
    package internal(set) var count = 0

    /// No spans.
    package init() {}
}

/// Writes spans into a batch, one at a time and one after the other: it has room for one span, which it uses again for the next.
package protocol OTLPSpanWriter: AnyObject {
    /// Adds a span that is a value.
    func write(_ span: SpanData, to batch: inout EncodedSpans)

    /// Adds a span of a known shape.
    ///
    /// - Parameters:
    ///   - reason: its last attribute; nil for none.
    ///   - parts: gives its own attributes and links; called once.
    func write(
        _ span: ShapedSpan, markedAs reason: KeepReason?, _ parts: (any SpanPartWriter) -> Void,
        to batch: inout EncodedSpans)
}

extension OTLPEncoding {
    /// An `ExportTraceServiceRequest`.
    package func encode(_ spans: [SpanData], resource: TelemetryResource) -> [UInt8] {
        let writer = spanWriter(resource)
        var batch = EncodedSpans()
        for span in spans { writer.write(span, to: &batch) }
        return request(batch, resource: resource)
    }
}
