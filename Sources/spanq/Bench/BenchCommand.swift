// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import ArgumentParser
import Logging
import ServiceLifecycle
import SpanQueue
import SpanQueueBenchmarks
import SpanQueueCommand
import SpanQueueOTLP
import SpanQueueRedis
import SpanQueueServer
import SpanQueueTelemetry
import UnixSignals

/// `spanq bench`
struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure this Redis or Postgres from this machine; Redis next to what it does natively.",
        discussion: """
            Takes about a minute. Works in queues of its own, named spanq-bench-…, and removes them at its end. What else \
            the machine and the server have to do meanwhile shows in the figures, and the other way round. The server's own \
            figures are those of the whole server; Postgres' CPU time is told where it runs on this machine.
            """)

    @Option(help: ArgumentHelp("Only this one; may be given several times.", valueName: "benchmark"))
    var only: [Benchmark] = []

    @Option(help: ArgumentHelp("How many jobs each; unless given, as many as take some seconds.", valueName: "number"))
    var jobs: Int?

    @Option(help: ArgumentHelp("The payload's length in bytes.", valueName: "bytes"))
    var payload = 200

    @Option(help: ArgumentHelp("How many jobs the worker runs at once.", valueName: "number"))
    var concurrency = 100

    @Option(help: ArgumentHelp("How many workers, each with connections of its own.", valueName: "number"))
    var workers = 1

    @Option(help: ArgumentHelp("Over how many queues the jobs are spread.", valueName: "number"))
    var queues = 1

    @Option(help: ArgumentHelp("How many other jobs wait in the queue meanwhile.", valueName: "number"))
    var depth = 0

    @Flag(help: "Remove jobs when they are completed, and keep no record.")
    var noRetention = false

    @Flag(help: "Record no metrics, to see what they cost.")
    var noMetrics = false

    @Option(help: ArgumentHelp("Serve /metrics meanwhile.", valueName: "host:port", visibility: .hidden))
    var listen: String?

    @Option(help: ArgumentHelp("For drains in several processes: all, fill or run.", visibility: .hidden))
    var part = BenchmarkOptions.Part.all

    @Option(help: ArgumentHelp("What the queues' names begin with.", visibility: .hidden))
    var prefix: String?

    @OptionGroup var global: GlobalOptions

    func validate() throws {
        for (name, value, range) in [
            ("--jobs", jobs ?? 1, 1...10_000_000), ("--payload", payload, 0...Limits().payloadBytes),
            ("--concurrency", concurrency, 1...10_000), ("--workers", workers, 1...1000),
            ("--queues", queues, 1...1000),
            ("--depth", depth, 0...100_000_000),
        ] where !range.contains(value) {
            throw ValidationError("\(name) \(value): use \(range.lowerBound) to \(range.upperBound)")
        }
        try NameRule.queue.validate(prefix)
    }

    func run() async throws {
        // What it has put there is removed at its end, no matter who reads its figures.
        Console.neverWait()
        try OpenFiles.require(OpenFiles.forService)
        var reader = try global.reader()
        let settings = try Self.settings(&reader)
        let logger = settings.logger()
        let listen = try listen.map { ListenChoice(address: try ListenAddress($0), isGiven: true) }
        let telemetry = CommandTelemetry(for: .command, recordsMetrics: !noMetrics, logger: logger)
        let target = try settings.benchmarkTarget
        let isRedis = settings.postgresURL == nil
        if !isRedis, let foreign = only.first(where: \.isOfRedis) {
            throw CommandFailure.usage(
                "--only \(foreign.rawValue) measures what Redis does natively, and the settings name Postgres: leave it out"
            )
        }
        let benchmarks = only.isEmpty ? Benchmark.allCases.filter { isRedis || !$0.isOfRedis } : only
        let (options, jobs, isJSON) = (options, jobs, global.json)
        try await Self.untilSignal {
            try await Self.reporting(telemetry, on: listen, settings, logger: logger) {
                let line = ProgressLine()
                var page = BenchPage(isRedis ? "REDIS" : "PG")
                defer {
                    line.clear()
                    // Also where an interrupt or an error ends it: what was measured took its time.
                    page.print()
                }
                for (index, benchmark) in benchmarks.enumerated() {
                    var options = options
                    options.jobs = jobs ?? benchmark.defaultJobs
                    line.show(Double(index) / Double(benchmarks.count), benchmark.summary)
                    let spans = SpanLoad(telemetry.telemetry)
                    var measurement = try await BenchmarkSession.run(
                        benchmark, options, on: target, telemetry: telemetry.jobs, logger: logger)
                    await spans.add(to: &measurement)
                    try Console.check()
                    if isJSON { try JSONLine.print(measurement) } else { page.add(benchmark, measurement) }
                }
            }
        }
    }

    private static func settings(_ reader: inout SettingsReader) throws -> ConnectionSettings {
        var settings = try ConnectionSettings(&reader, logLevel: .error)
        settings.engine.waitsForServer = false
        return settings
    }

    private var options: BenchmarkOptions {
        var options = BenchmarkOptions()
        options.payloadBytes = payload
        options.concurrency = concurrency
        options.workers = workers
        options.queues = queues
        options.depth = depth
        options.keepsCompleted = !noRetention
        options.part = part
        options.prefix = prefix ?? "spanq-bench-\(UInt32.random(in: .min ... .max))"
        return options
    }

    /// Runs something that SIGINT, SIGTERM and SIGHUP cancel, so that it can remove what it has put there.
    private static func untilSignal(_ body: @escaping @Sendable () async throws -> Void) async throws {
        let signals = await UnixSignalsSequence(trapping: StopSignals.all)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await body() }
            group.addTask {
                for await _ in signals { throw CancellationError() }
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }
}

extension ConnectionSettings {
    fileprivate var benchmarkTarget: BenchmarkTarget {
        get throws {
            guard let postgresURL else { return try .redis(redisURL, engine) }
            return try .postgres(postgresURL, postgresOptions)
        }
    }
}

extension Benchmark: ExpressibleByArgument {
    /// As many as take two to five seconds on a small machine.
    fileprivate var defaultJobs: Int {
        switch self {
        case .floorEnqueue, .floorDrain, .floorEnqueueJob, .floorDrainJob, .enqueueBulk, .enqueueBytes, .drain,
            .together:
            100_000
        case .roundTrip, .enqueueRoundTrip, .enqueueTasks, .retries: 50_000
        case .enqueueOne: 20_000
        case .idleLatency: 2_000
        case .scheduleLag: 5_000
        case .idle: 1
        }
    }
}

extension BenchmarkOptions.Part: ExpressibleByArgument {}

extension BenchCommand {
    /// Runs something while this process exports what the `OTEL_…` variables ask for, and serves /metrics where it is told to.
    static func reporting(
        _ telemetry: CommandTelemetry, on listen: ListenChoice?, _ settings: ConnectionSettings, logger: Logger,
        _ body: () async throws -> Void
    ) async throws {
        guard let listen else { return try await run(body, beside: [telemetry.telemetry], telemetry) }
        try await settings.withQueue(telemetry: telemetry.jobs, logger: logger) { queue in
            let page = try Observability(telemetry, queue: queue, listen: listen, fetchLimit: nil, logger: logger)
            try await run(body, beside: page.services, telemetry)
        }
    }

    private static func run(
        _ body: () async throws -> Void, beside services: [any Service], _ telemetry: CommandTelemetry
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for service in services { group.addTask { try await service.run() } }
            defer { group.cancelAll() }
            let result: Result<Void, any Error>
            do {
                result = .success(try await body())
            } catch {
                result = .failure(error)
            }
            await telemetry.endCommand()
            try result.get()
        }
    }
}

/// What became of the spans of one measurement.
struct SpanLoad {
    private let telemetry: Telemetry
    private let before: ExportStatistics?

    /// Counts from now on.
    init(_ telemetry: Telemetry) {
        self.telemetry = telemetry
        before = telemetry.statistics.signals[.traces]
    }

    /// Waits until what is left was exported, for no more than two seconds, and tells a measurement.
    func add(to measurement: inout Measurement) async {
        guard let before, measurement.jobs > 0 else { return }
        _ = await telemetry.flush(within: .seconds(2))
        guard let after = telemetry.statistics.signals[.traces] else { return }
        let jobs = Double(measurement.jobs)
        func lost(_ statistics: ExportStatistics) -> Int { statistics.droppedItems + statistics.failedItems }
        measurement.exportedSpans = Double(after.exported["", default: 0] - before.exported["", default: 0]) / jobs
        measurement.droppedSpans = Double(lost(after) - lost(before)) / jobs
    }
}
