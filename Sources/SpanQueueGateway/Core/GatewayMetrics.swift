// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueueTelemetry

/// The gateway's own metrics, beside those that every worker has. What each means stands in `docs/telemetry.md`.
package struct GatewayMetrics: Sendable {
    let streams: GaugeSeries
    let credits: GaugeSeries
    let claims: GaugeSeries
    let unconfirmed: GaugeSeries
    let handed: MetricFamily<CounterSeries>
    let results: MetricFamily<CounterSeries>
    let released: CounterSeries
    let heartbeats: HistogramSeries
    let refusals: MetricFamily<CounterSeries>

    /// - Throws: where the registry has no room for them, or has one of these names with another shape.
    package init(_ registry: MetricsRegistry) throws(MetricsError) {
        streams = try registry.gauge("spanq_gateway_streams", help: "Streams of workers that are open.").child()
        credits = try registry.gauge(
            "spanq_gateway_credits", help: "Jobs that workers have asked for and not been sent."
        ).child()
        claims = try registry.gauge(
            "spanq_gateway_claims", help: "Jobs that workers of this gateway hold, as far as it knows."
        ).child()
        unconfirmed = try registry.gauge(
            "spanq_gateway_unconfirmed_results", help: "Results that the engine has not taken yet."
        ).child()
        handed = try registry.counter(
            "spanq_gateway_jobs_handed", help: "Jobs that were sent to workers.", labels: ["queue"])
        results = try registry.counter(
            "spanq_gateway_results", help: "Results of workers, by what became of them.",
            labels: ["queue", "outcome"])
        released = try registry.counter(
            "spanq_gateway_jobs_released", help: "Jobs given back because their stream broke or was superseded."
        ).child()
        heartbeats = try registry.histogram(
            "spanq_gateway_heartbeat_seconds", help: "From a worker's heartbeat to its answer.", unit: "seconds",
            buckets: MetricBuckets.roundTripSeconds
        ).child()
        refusals = try registry.counter(
            "spanq_gateway_stream_ends", help: "Streams that have ended, by why.", labels: ["reason"])
    }
}
