// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueueOTLP
import SpanQueueTelemetry

/// What OTLP/JSON costs, for each span of full batches.
///
/// Measured with the exporter that writes to standard output, which is /dev/null meanwhile: one write for 512 spans comes on top.
struct Encoding {
    /// 500,000 spans a second.
    private static let aimNanoseconds = 2_000.0
    private static let spans = 512 * 200

    func run() async {
        var configuration = TelemetryConfiguration()
        configuration.traces = .console
        configuration.spanBatches = BatchLimits(queueSize: Self.spans, batchSize: 512)
        let telemetry = Telemetry(configuration)
        let span = SampleSpan.make()
        let shape = telemetry.tracer.shape(span.name, kind: span.kind, attributes: SampleSpan.sharedAttributes)
        fflush(nil)
        let output = dup(STDOUT_FILENO)
        let null = open("/dev/null", O_WRONLY)
        dup2(null, STDOUT_FILENO)
        let measurement = await Measurement(calls: Self.spans) {
        } _: {
            for _ in 0..<Self.spans { telemetry.tracer.submit(span) }
            _ = await telemetry.flush(within: .seconds(60))
        }
        let shaped = await Measurement(calls: Self.spans) {
        } _: {
            for _ in 0..<Self.spans {
                telemetry.tracer.submit(
                    ShapedSpan(
                        shape, context: span.context, parent: span.parent, isParentRemote: true,
                        startNanoseconds: span.startNanoseconds, endNanoseconds: span.endNanoseconds)
                ) { parts in
                    parts.attribute("messaging.message.id", SampleSpan.job)
                    parts.attribute("spanq.job.type", "email:welcome")
                    parts.attribute("spanq.job.attempt", 1 as Int64)
                    parts.link(span.links[0].context, isRemote: true)
                }
            }
            _ = await telemetry.flush(within: .seconds(60))
        }
        dup2(output, STDOUT_FILENO)
        close(output)
        close(null)
        measurement.report(
            "send a span, written at its end, as OTLP/JSON", aimNanoseconds: Self.aimNanoseconds, mayAllocate: true)
        shaped.report("the same of a known shape", aimNanoseconds: Self.aimNanoseconds, mayAllocate: true)
    }
}
