// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Logging
import SpanQueue
import SpanQueueGateway
import SpanQueueOTLP
import SpanQueuePostgres
import SpanQueueRedis
import SpanQueueServer
import SpanQueueTelemetry

/// What a gateway is told by flags and variables; a flag goes before a variable.
struct GatewaySettings {
    let engine: EngineSource
    var gateway: GatewayConfiguration
    let metricsAddress: ListenAddress
    let isMetricsAddressGiven: Bool
    let maxPayload: Int?
    let logLevel: Logger.Level
    let logFormat: LogFormat

    init(_ flags: SpanqGateway, environment: [String: String]) throws {
        func variable(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        engine = try Self.engine(
            flags.url ?? variable("SPANQ_URL") ?? variable("SPANQ_REDIS_URL") ?? "redis://127.0.0.1:6379", variable)
        gateway = GatewayConfiguration(
            address: try flags.listen.map { try ListenAddress($0) }
                ?? variable("SPANQ_GATEWAY_LISTEN").map { try ListenAddress($0) }
                ?? GatewayConfiguration.standardAddress
        )
        guard gateway.address != .off else {
            throw StartFailure("a gateway serves nothing with --listen none: give it a host and port")
        }
        let metrics = flags.metricsListen ?? variable("SPANQ_LISTEN")
        metricsAddress = try metrics.map { try ListenAddress($0) } ?? .standard
        isMetricsAddressGiven = metrics != nil
        gateway.drainTimeout =
            try Self.duration("--drain-timeout", flags.drainTimeout ?? variable("SPANQ_DRAIN_TIMEOUT")) ?? .seconds(25)
        let payload = variable("SPANQ_GATEWAY_MAX_PAYLOAD")
        maxPayload = try flags.maxPayload ?? payload.map { try Self.number("SPANQ_GATEWAY_MAX_PAYLOAD", $0) }
        let level = flags.logLevel ?? variable("SPANQ_LOG_LEVEL") ?? "info"
        guard let logLevel = Logger.Level(rawValue: level.lowercased()) else {
            throw StartFailure(
                "\"\(level)\" is not a log level: use one of \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))"
            )
        }
        self.logLevel = logLevel
        let format = flags.logFormat ?? variable("SPANQ_LOG_FORMAT")
        guard let logFormat = format.map({ LogFormat(named: $0.lowercased()) }) ?? LineLogHandler.standardFormat else {
            throw StartFailure("\"\(format ?? "")\" is not a log format: use text, logfmt or json")
        }
        self.logFormat = logFormat
    }

    private static func engine(
        _ url: String, _ variable: (_ name: String) -> String?
    ) throws -> EngineSource {
        let timeout = try duration("SPANQ_REDIS_TIMEOUT", variable("SPANQ_REDIS_TIMEOUT"))
        if url.hasPrefix("postgres://") || url.hasPrefix("postgresql://") {
            var options = PostgresEngineOptions()
            if let timeout { options.commandTimeout = timeout }
            if let schema = variable("SPANQ_POSTGRES_SCHEMA") { options.schema = schema }
            return .postgres(url, options)
        }
        var options = RedisEngineOptions()
        if let timeout { options.commandTimeout = timeout }
        options.tls = RedisTLS(
            authorities: variable("SPANQ_REDIS_TLS_CA"), certificate: variable("SPANQ_REDIS_TLS_CERT"),
            key: variable("SPANQ_REDIS_TLS_KEY"), serverName: variable("SPANQ_REDIS_TLS_SERVER_NAME"))
        options.allowsEviction = ["1", "true", "yes"].contains(variable("SPANQ_ALLOW_EVICTION")?.lowercased())
        if let durability = variable("SPANQ_DURABILITY") { options.durability = try RedisDurability(durability) }
        return .redis(url, options)
    }

    private static func duration(_ name: String, _ text: String?) throws -> Duration? {
        guard let text else { return nil }
        guard let duration = DurationText.parse(text) else {
            throw StartFailure("\(name): \"\(text)\" is not a duration: write 25s or 2m")
        }
        return duration
    }

    private static func number(_ name: String, _ text: String) throws -> Int {
        guard let number = Int(text) else { throw StartFailure("\(name): \"\(text)\" is not a number of bytes") }
        return number
    }
}

/// What it reports, and where to: as a process of `spanq` does.
struct GatewayTelemetry {
    let registry: MetricsRegistry
    let telemetry: Telemetry
    let jobs: JobTelemetry

    init(_ settings: GatewaySettings) {
        var logger = Logger(label: "spanq-gateway") { LineLogHandler(label: $0, format: settings.logFormat) }
        logger.logLevel = settings.logLevel
        let (configuration, warnings) = TelemetryConfiguration.fromEnvironment(
            ProcessInfo.processInfo.environment, program: "spanq-gateway")
        for warning in warnings { logger.warning("\(warning)") }
        var registrySettings = MetricsRegistryConfiguration()
        registrySettings.exemplarFilter = configuration.exemplarFilter
        let registry = MetricsRegistry(registrySettings)
        self.registry = registry
        telemetry = Telemetry(configuration, logger: logger) { await registry.collect() }
        jobs = JobTelemetry(
            registry: registry, tracer: telemetry.tracer, messagingMetrics: configuration.metrics != .none)
    }

    /// Has all that this process logs go to standard error and to the exporter, if there is one. To be called once.
    func bootstrapLogging(_ settings: GatewaySettings) -> Logger {
        LoggingSystem.bootstrap(
            { [telemetry] label, provider in
                var handler = telemetry.makeLogHandler(
                    label: label, metadataProvider: provider, format: settings.logFormat)
                handler.logLevel = settings.logLevel
                return handler
            }, metadataProvider: .spanQueueTrace)
        return Logger(label: "spanq-gateway")
    }

    /// Everything that stands on a page of /metrics beside the jobs.
    func registerPage(of queue: JobQueue) throws {
        try registry.registerProcessMetrics()
        try ProcessMetrics.registerBuildInfo(version: SpanQueueVersion.text, in: registry)
        try telemetry.registerMetrics(on: registry)
        try registry.registerLogMetrics()
        try queue.registerGauges(on: registry)
    }
}
