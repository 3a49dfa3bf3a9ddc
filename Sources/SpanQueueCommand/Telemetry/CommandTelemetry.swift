// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
package import Logging
package import SpanQueue
package import SpanQueueOTLP
package import SpanQueueTelemetry

/// What a process of ours reports, and where to: a registry, and the exporters that the `OTEL_…` variables ask for.
package struct CommandTelemetry: Sendable {
    package let registry: MetricsRegistry
    package let telemetry: Telemetry
    package let jobs: JobTelemetry
    private let program: String

    /// Who has to do with what goes wrong.
    package enum Audience {
        /// A person or script that waits for a command: bad variables are told whatever is logged, what a collector does
        /// not take is not sent again, and there are no log records.
        case command
        /// The operator of a process that runs on: all of it is logged.
        case service
    }

    /// - Parameters:
    ///   - audience: who has to do with what goes wrong.
    ///   - program: its name.
    ///   - slowAttempt: an attempt that takes longer is exported whatever its trace; nil for no bound.
    ///   - attemptParent: how attempts relate to the enqueue of their job.
    ///   - recordsMetrics: whether the registry is on.
    ///   - warn: told of bad variables for a command.
    ///   - logger: told of bad variables and failed exports; not one that exports.
    package init(
        for audience: Audience, program: String, environment: [String: String] = ProcessInfo.processInfo.environment,
        slowAttempt: Duration? = nil, attemptParent: AttemptParent = .auto, recordsMetrics: Bool = true,
        warn: (String) -> Void, logger: Logger
    ) {
        self.program = program
        var (configuration, warnings) = TelemetryConfiguration.fromEnvironment(
            environment, program: program,
            signals: audience == .command ? [.traces, .metrics] : Set(OTLPSignal.allCases))
        configuration.retriesExports = audience == .service
        for warning in warnings {
            switch audience {
            case .command: warn("\(warning)")
            case .service: logger.warning("\(warning)")
            }
        }
        var settings = MetricsRegistryConfiguration()
        settings.isEnabled = recordsMetrics
        settings.exemplarFilter = configuration.exemplarFilter
        let registry = MetricsRegistry(settings)
        self.registry = registry
        telemetry = Telemetry(configuration, logger: logger) { await registry.collect() }
        // Those who read metrics over OTLP may look for the names of its conventions.
        jobs = JobTelemetry(
            registry: registry, tracer: telemetry.tracer, traceWindow: attemptParent.traceWindow,
            slowAttempt: slowAttempt,
            messagingMetrics: configuration.metrics != .none)
    }

    /// Has all that this process logs go to standard error and, where log records are exported, to the exporter too: our own
    /// lines and those of the libraries. To be called once.
    package func bootstrapLogging(at level: Logger.Level, as format: LogFormat) -> Logger {
        LoggingSystem.bootstrap(
            { [telemetry] label, provider in
                var handler = telemetry.makeLogHandler(label: label, metadataProvider: provider, format: format)
                handler.logLevel = level
                return handler
            }, metadataProvider: .spanQueueTrace)
        return Logger(label: program)
    }

    /// Everything that stands on a page of /metrics beside the jobs.
    package func registerPage(of queue: JobQueue) throws {
        try registry.registerProcessMetrics()
        try ProcessMetrics.registerBuildInfo(version: SpanQueueVersion.text, in: registry)
        try telemetry.registerMetrics(on: registry)
        try registry.registerLogMetrics()
        try queue.registerGauges(on: registry)
    }
}

/// How an attempt relates to the enqueue of its job, in traces.
package enum AttemptParent: String {
    /// Its child where it was to start within 15 minutes of it, else the root of a trace of its own. It always links it.
    case auto
    /// Always its child.
    case parent
    /// Always the root of a trace of its own, linked to it.
    case link

    package var traceWindow: Duration {
        switch self {
        case .auto: JobTelemetry.standard.traceWindow
        case .parent: .seconds(Int64.max)
        case .link: .zero
        }
    }
}

extension SettingsReader {
    /// Reads how attempts relate to the enqueue of their job: what workers are configured to, and `job trace` goes by.
    package mutating func attemptParent() throws -> AttemptParent {
        try value(.attemptParent, default: .auto, shown: \.rawValue) { values throws(SettingProblem) in
            let text = values.joined(separator: ",")
            guard let parent = AttemptParent(rawValue: text) else {
                throw SettingProblem("\"\(text)\" is not a mode: use auto, parent or link")
            }
            return parent
        }
    }
}
