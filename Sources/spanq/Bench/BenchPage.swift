// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import SpanQueueBenchmarks

/// The figures of `spanq bench` for people: rates beside the floor, then latencies, then what idleness costs.
struct BenchPage {
    private var rates: Table
    private var latencies = Table(
        .text("LATENCY, ms"), .number("P50"), .number("P99"), .number("P99.9"), .number("MAX"))
    private var idle: Table
    private var measured: [Benchmark: Double] = [:]

    /// - Parameter server: its name, in capitals.
    init(_ server: String) {
        rates = Table(
            .text("BENCHMARK"), .number("JOBS/S"), .number("OF FLOOR"), .number("\(server) µs"), .number("CALLS"),
            .number("OUR µs"), .number("PEAK MiB"))
        idle = Table(
            .text("IDLE"), .number("CALLS/S"), .number("\(server), % OF A CORE"), .number("OURS, % OF A CORE"))
    }

    mutating func add(_ benchmark: Benchmark, _ measurement: Measurement) {
        measured[benchmark] = measurement.rate
        if let latency = measurement.latency {
            latencies.add(
                benchmark.summary, Self.text(latency.p50), Self.text(latency.p99), Self.text(latency.p999),
                Self.text(latency.maximum))
        } else if benchmark == .idle {
            idle.add(
                benchmark.summary, Self.text(measurement.commandsPerSecond),
                Self.text(measurement.serverCoreShare.map { $0 * 100 }), Self.text(measurement.processCoreShare * 100))
        } else {
            let share = benchmark.floor.flatMap { measured[$0] }.map { Self.text(measurement.rate / $0) } ?? ""
            rates.add(
                benchmark.summary, "\(Int(measurement.rate.rounded()))", share,
                Self.text(measurement.serverMicroseconds),
                Self.text(measurement.serverCommands), Self.text(measurement.processMicroseconds),
                "\(Int(measurement.peakMemoryMiB.rounded()))")
        }
    }

    func print() {
        for (index, table) in [rates, latencies, idle].filter({ !$0.rows.isEmpty }).enumerated() {
            if index > 0 { Console.print("") }
            table.print()
        }
    }

    /// Two decimals. Foundation's formats look at the locale; figures here look the same everywhere.
    private static func text(_ value: Double?) -> String {
        guard let value else { return "-" }
        let hundredths = Int((value * 100).rounded())
        let rest = hundredths % 100
        return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)"
    }
}

extension Benchmark {
    /// What it is compared with.
    fileprivate var floor: Benchmark? {
        switch self {
        case .enqueueOne: .roundTrip
        case .enqueueTasks, .enqueueBulk, .enqueueBytes: .floorEnqueue
        case .drain, .together, .retries: .floorDrain
        case .enqueueRoundTrip: .roundTrip
        case .floorEnqueueJob: .floorEnqueue
        case .floorDrainJob: .floorDrain
        case .floorEnqueue, .floorDrain, .roundTrip, .idleLatency, .scheduleLag, .idle: nil
        }
    }
}
