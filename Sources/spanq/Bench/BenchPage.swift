import SpanQueue
import SpanQueueBenchmarks

/// The figures of `spanq bench` for people: rates beside the floor, then latencies.
struct BenchPage {
    private var rates = Table(
        .text("BENCHMARK"), .number("JOBS/S"), .number("OF FLOOR"), .number("REDIS µs"), .number("CALLS"),
        .number("OUR µs"), .number("PEAK MiB"))
    private var latencies = Table(
        .text("LATENCY, ms"), .number("P50"), .number("P99"), .number("P99.9"), .number("MAX"))
    private var hasLatencies = false
    private var floors: [Benchmark: Double] = [:]

    mutating func add(_ benchmark: Benchmark, _ measurement: Measurement) {
        floors[benchmark] = measurement.rate
        if let latency = measurement.latency {
            hasLatencies = true
            latencies.add(
                benchmark.summary, Self.text(latency.p50), Self.text(latency.p99), Self.text(latency.p999),
                Self.text(latency.maximum))
            return
        }
        let share = benchmark.floor.flatMap { floors[$0] }.map { Self.text(measurement.rate / $0) } ?? ""
        rates.add(
            benchmark.summary, "\(Int(measurement.rate.rounded()))", share,
            measurement.redisMicroseconds.map(Self.text) ?? "-", measurement.redisCommands.map(Self.text) ?? "-",
            Self.text(measurement.processMicroseconds), "\(Int(measurement.peakMemoryMiB.rounded()))")
    }

    func print() {
        if !rates.rows.isEmpty { rates.print() }
        if hasLatencies {
            if !rates.rows.isEmpty { Console.print("") }
            latencies.print()
        }
    }

    /// Two decimals. Foundation's formats look at the locale; figures here look the same everywhere.
    private static func text(_ value: Double) -> String {
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
        case .enqueueTasks, .enqueueBulk: .floorEnqueue
        case .drain, .together, .retries: .floorDrain
        case .floorEnqueue, .floorDrain, .roundTrip, .idleLatency, .scheduleLag: nil
        }
    }
}
