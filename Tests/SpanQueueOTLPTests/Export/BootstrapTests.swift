// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import CoreMetrics
import MetricsTestKit
import Testing
import Tracing

@testable import SpanQueueOTLP
@testable import SpanQueueTelemetry

@Suite("Setting up beside another back end")
struct BootstrapTests {
    @Test("a tracer that is there is kept and takes the spans; without that part, spans are exported here")
    func keepsTracer() {
        let (configuration, _) = TelemetryConfiguration.fromEnvironment(
            ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"])
        let other = DistributedTracer(SpanQueueTracer())
        let backend = TestMetrics()
        withTracer(other) {
            withMetricsFactory(backend) {
                let beside = Telemetry.bootstrap(configuration, registry: MetricsRegistry())
                #expect(!beside.tracer.isExporting)
                #expect(InstrumentationSystem.instrument is DistributedTracer && MetricsSystem.factory is TestMetrics)
                let alone = Telemetry.bootstrap(configuration, parts: [], registry: MetricsRegistry())
                #expect(alone.tracer.isExporting)
            }
        }
        // Nothing was set up for the process.
        #expect(InstrumentationSystem.instrument is NoOpInstrument && MetricsSystem.factory is NOOPMetricsHandler)
    }
}
