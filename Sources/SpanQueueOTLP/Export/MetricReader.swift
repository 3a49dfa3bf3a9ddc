// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import NIOConcurrencyHelpers
internal import SpanQueueTelemetry

/// Exports all metrics once an interval: the periodic reader of OpenTelemetry.
final class MetricReader: ExportPipeline {
    private struct State: Sendable {
        var statistics = ExportStatistics(queueCapacity: 1)
        var isShutDown = false
    }

    private let interval: Duration
    private let exportTimeout: Duration
    private let exporter: any BatchExporter<[MetricsSnapshot]>
    private let collect: @Sendable () async -> MetricsSnapshot
    private let state = NIOLockedValueBox(State())
    private let turn = ExportTurn()
    private let ticks: AsyncStream<Void>
    private let ticker: AsyncStream<Void>.Continuation

    /// - Parameters:
    ///   - interval: between the beginnings of two exports; one that takes longer delays the next.
    ///   - exportTimeout: how long one may take, with its retries.
    ///   - exporter: where they go.
    ///   - collect: takes the snapshot.
    init(
        interval: Duration, exportTimeout: Duration, exporter: any BatchExporter<[MetricsSnapshot]>,
        collect: @escaping @Sendable () async -> MetricsSnapshot
    ) {
        self.interval = max(interval, .milliseconds(1))
        self.exportTimeout = exportTimeout
        self.exporter = exporter
        self.collect = collect
        (ticks, ticker) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    func run() async {
        await withTaskGroup { group in
            group.addTask { [interval, ticker] in
                while (try? await Task.sleep(for: interval)) != nil { ticker.yield() }
            }
            for await _ in ticks { _ = await export() }
            group.cancelAll()
        }
    }

    func flush(within limit: Duration) async -> FlushResult {
        await TimeLimit.run(limit) { await self.export() } ?? .timedOut
    }

    func shutdown(within limit: Duration) async -> FlushResult {
        let isFirst = state.withLockedValue { state in
            defer { state.isShutDown = true }
            return !state.isShutDown
        }
        ticker.finish()
        return isFirst ? await flush(within: limit) : .ok
    }

    var statistics: ExportStatistics { state.withLockedValue { $0.statistics } }

    private func export() async -> FlushResult {
        guard await turn.take() else { return .timedOut }
        defer { turn.give() }
        let snapshot = await collect()
        let points = snapshot.families.reduce(0) { $0 + $1.points.count }
        state.withLockedValue { $0.statistics.processed["", default: 0] += points }
        let clock = ContinuousClock()
        let start = clock.now
        let outcome = await exporter.export([snapshot], by: start + exportTimeout)
        state.withLockedValue { $0.statistics.count(outcome, of: points, after: clock.now - start) }
        return outcome.isSuccess ? .ok : .failed
    }
}
