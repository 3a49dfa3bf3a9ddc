// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueueTelemetry

/// An engine whose server can tell how it is, beyond the queues.
package protocol HealthSource: EngineCore {
    /// Adds gauges and counters, `spanq_engine_…` with the label `engine`. Every process reads the same. One round trip, whatever is stored.
    func readHealth(into metrics: inout CollectedMetrics) async throws
}
