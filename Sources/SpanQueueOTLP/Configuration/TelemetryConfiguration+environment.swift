// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import Foundation
internal import SpanQueueTelemetry

#if canImport(Darwin)
    internal import Darwin
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Glibc
#endif

extension TelemetryConfiguration {
    /// Reads the variables of OpenTelemetry.
    ///
    /// - Parameters:
    ///   - environment: such as that of the process.
    ///   - program: the name for `unknown_service:<program>`; that of the process unless given.
    /// - Returns: the configuration, and what was wrong with the environment: log it.
    public static func fromEnvironment(
        _ environment: [String: String], program: String? = nil
    ) -> (configuration: TelemetryConfiguration, warnings: [ConfigurationWarning]) {
        fromEnvironment(environment, program: program, signals: Set(OTLPSignal.allCases))
    }

    /// The same for a process that has only some of the signals: the variables of the others are not looked at.
    package static func fromEnvironment(
        _ environment: [String: String], program: String? = nil, signals: Set<OTLPSignal>
    ) -> (configuration: TelemetryConfiguration, warnings: [ConfigurationWarning]) {
        var reader = EnvironmentReader(environment)
        var configuration = TelemetryConfiguration(resource: .fromEnvironment(&reader, program: program))
        configuration.isDisabled = reader.flag("OTEL_SDK_DISABLED") ?? false
        configuration.readPropagators(&reader)
        configuration.readSampler(&reader)
        configuration.readLimits(&reader)
        configuration.spanBatches = .fromEnvironment(&reader, "OTEL_BSP", configuration.spanBatches)
        configuration.logBatches = .fromEnvironment(&reader, "OTEL_BLRP", configuration.logBatches)
        configuration.metricInterval = reader.duration("OTEL_METRIC_EXPORT_INTERVAL") ?? configuration.metricInterval
        configuration.metricTimeout = reader.duration("OTEL_METRIC_EXPORT_TIMEOUT") ?? configuration.metricTimeout
        configuration.exemplarFilter =
            reader.choice(
                "OTEL_METRICS_EXEMPLAR_FILTER",
                ["trace_based": ExemplarFilter.sampled, "always_on": .always, "always_off": .never])
            ?? configuration.exemplarFilter
        if signals.contains(.traces) { configuration.traces = .fromEnvironment(&reader, .traces) }
        if signals.contains(.metrics) { configuration.metrics = .fromEnvironment(&reader, .metrics) }
        if signals.contains(.logs) { configuration.logs = .fromEnvironment(&reader, .logs) }
        return (configuration, reader.warnings)
    }

    private mutating func readPropagators(_ reader: inout EnvironmentReader) {
        let variable = "OTEL_PROPAGATORS"
        guard let value = reader.text(variable) else { return }
        var formats: Set<PropagationFormat> = []
        for part in value.split(separator: ",") {
            let name = String(part).trimmingBlanks()
            if name == "none" { continue }
            guard let format = PropagationFormat(rawValue: name) else {
                reader.warn(variable, "one of its entries is none of tracecontext, baggage, none: the entry is ignored")
                continue
            }
            formats.insert(format)
        }
        propagators = formats
    }

    private mutating func readSampler(_ reader: inout EnvironmentReader) {
        let variable = "OTEL_TRACES_SAMPLER"
        guard
            let name = reader.choice(
                variable,
                [
                    "always_on": "always_on", "always_off": "always_off", "traceidratio": "traceidratio",
                    "parentbased_always_on": "parentbased_always_on",
                    "parentbased_always_off": "parentbased_always_off",
                    "parentbased_traceidratio": "parentbased_traceidratio",
                ])
        else { return }
        switch name {
        case "always_on": sampler = .alwaysOn
        case "always_off": sampler = .alwaysOff
        case "traceidratio": sampler = .traceIDRatio(Self.ratio(&reader))
        case "parentbased_always_off": sampler = .parentBasedAlwaysOff
        case "parentbased_traceidratio": sampler = .parentBasedTraceIDRatio(Self.ratio(&reader))
        default: sampler = .parentBasedAlwaysOn
        }
    }

    /// 1 where nothing usable is said.
    private static func ratio(_ reader: inout EnvironmentReader) -> Double {
        let variable = "OTEL_TRACES_SAMPLER_ARG"
        guard let text = reader.text(variable) else { return 1 }
        guard let ratio = Double(text), (0...1).contains(ratio) else {
            reader.warn(variable, "it is not a number from 0 to 1: 1 is taken")
            return 1
        }
        return ratio
    }

    private mutating func readLimits(_ reader: inout EnvironmentReader) {
        let count = reader.limit("OTEL_ATTRIBUTE_COUNT_LIMIT") ?? 128
        let length = reader.limit("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT")
        let spanLength = reader.limit("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT") ?? length
        spanLimits = SpanLimits(
            attributes: AttributeLimits(
                count: reader.limit("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT") ?? count, valueLength: spanLength),
            events: reader.limit("OTEL_SPAN_EVENT_COUNT_LIMIT") ?? 128,
            eventAttributes: AttributeLimits(
                count: reader.limit("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT") ?? count, valueLength: spanLength),
            links: reader.limit("OTEL_SPAN_LINK_COUNT_LIMIT") ?? 128,
            linkAttributes: AttributeLimits(
                count: reader.limit("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT") ?? count, valueLength: spanLength))
        logLimits = AttributeLimits(
            count: reader.limit("OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT") ?? count,
            valueLength: reader.limit("OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT") ?? length)
    }
}

extension String {
    fileprivate func trimmingBlanks() -> String {
        String(decoding: HeaderText.trimmed(Array(utf8)[...]), as: UTF8.self)
    }
}

extension ExportTarget {
    /// Reads `OTEL_<SIGNAL>_EXPORTER` and `OTEL_EXPORTER_OTLP[_<SIGNAL>]_*`. Traces and logs are exported as soon as there is an
    /// endpoint, metrics only when asked for.
    static func fromEnvironment(_ reader: inout EnvironmentReader, _ signal: OTLPSignal) -> ExportTarget {
        let variable = "OTEL_\(signal.rawValue.uppercased())_EXPORTER"
        let name = reader.choice(variable, ["otlp": "otlp", "console": "console", "none": "none"])
        switch name ?? (signal == .metrics ? "none" : "otlp") {
        case "console": return .console
        case "otlp": break
        default: return .none
        }
        guard let endpoint = endpoint(&reader, signal) else {
            if name != nil {
                reader.warn(
                    variable, "set OTEL_EXPORTER_OTLP_ENDPOINT, such as http://localhost:4318", notExporting: signal)
            }
            return .none
        }
        return .otlp(endpoint)
    }

    private static func endpoint(_ reader: inout EnvironmentReader, _ signal: OTLPSignal) -> OTLPEndpoint? {
        guard let url = url(&reader, signal), let encoding = encoding(&reader, signal) else { return nil }
        var endpoint = OTLPEndpoint(url: url, encoding: encoding)
        endpoint.headers = headers(&reader, variable(reader, signal, "HEADERS"))
        endpoint.timeout = reader.duration(variable(reader, signal, "TIMEOUT")) ?? endpoint.timeout
        endpoint.usesGzip =
            reader.choice(variable(reader, signal, "COMPRESSION"), ["gzip": true, "none": false]) ?? false
        endpoint.authorities = reader.text(variable(reader, signal, "CERTIFICATE"))
        endpoint.clientCertificate = reader.text(variable(reader, signal, "CLIENT_CERTIFICATE"))
        endpoint.clientKey = reader.text(variable(reader, signal, "CLIENT_KEY"))
        return endpoint
    }

    /// The signal's own variable where it is set, else the one for all signals.
    private static func variable(_ reader: EnvironmentReader, _ signal: OTLPSignal, _ name: String) -> String {
        let own = "OTEL_EXPORTER_OTLP_\(signal.rawValue.uppercased())_\(name)"
        return reader.text(own) == nil ? "OTEL_EXPORTER_OTLP_\(name)" : own
    }

    /// A signal's own endpoint is used as it is written; below the common one each signal has its path.
    private static func url(_ reader: inout EnvironmentReader, _ signal: OTLPSignal) -> String? {
        let variable = variable(reader, signal, "ENDPOINT")
        guard let written = reader.text(variable) else { return nil }
        if let problem = OTLPEndpoint.problem(with: written) {
            reader.warn(variable, problem, notExporting: signal)
            return nil
        }
        return variable == "OTEL_EXPORTER_OTLP_ENDPOINT" ? OTLPEndpoint.url(base: written, signal: signal) : written
    }

    /// What bodies are written in: JSON unless something else is asked for; nil for what is not spoken.
    private static func encoding(_ reader: inout EnvironmentReader, _ signal: OTLPSignal) -> OTLPProtocol? {
        let variable = variable(reader, signal, "PROTOCOL")
        guard let name = reader.text(variable)?.lowercased() else { return .httpJSON }
        if let known = OTLPProtocol.known.first(where: { $0.key == name }) { return known.value }
        let port = name == "grpc" ? ", and the endpoint to the collector's HTTP port, most often 4318" : ""
        reader.warn(
            variable,
            "\(name == "grpc" ? "OTLP by gRPC" : "this protocol") is not spoken here: set it to http/protobuf\(port)",
            notExporting: signal)
        return nil
    }

    private static func headers(_ reader: inout EnvironmentReader, _ variable: String) -> [OTLPEndpoint.Header] {
        let pairs = reader.pairs(variable) ?? []
        let (reserved, headers) = pairs.map { OTLPEndpoint.Header($0.key, $0.value) }.reduce(
            into: (reserved: [OTLPEndpoint.Header](), kept: [OTLPEndpoint.Header]())
        ) { $1.isReserved ? $0.reserved.append($1) : $0.kept.append($1) }
        if !reserved.isEmpty {
            // A name of that list is not a secret.
            let names = Set(reserved.map { $0.name.lowercased() }).sorted().joined(separator: ", ")
            reader.warn(variable, "the headers of this name are the exporter's own and are left out: \(names)")
        }
        guard headers.allSatisfy(\.isSound) else {
            reader.warn(variable, "it has a character in it that is not allowed in an HTTP header: ignored")
            return []
        }
        return headers
    }
}

extension OTLPEndpoint.Header {
    /// Whether it can be sent.
    fileprivate var isSound: Bool {
        HeaderText.isToken(Array(name.utf8)[...]) && value.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }
    }
}

extension BatchLimits {
    /// Reads `<prefix>_SCHEDULE_DELAY`, `_EXPORT_TIMEOUT`, `_MAX_QUEUE_SIZE` and `_MAX_EXPORT_BATCH_SIZE`.
    static func fromEnvironment(
        _ reader: inout EnvironmentReader, _ prefix: String, _ defaults: BatchLimits
    ) -> BatchLimits {
        let sizes = 1...1_000_000
        let queueSize = reader.number("\(prefix)_MAX_QUEUE_SIZE", in: sizes) ?? defaults.queueSize
        let given = reader.number("\(prefix)_MAX_EXPORT_BATCH_SIZE", in: sizes)
        if let given, given > queueSize {
            reader.warn("\(prefix)_MAX_EXPORT_BATCH_SIZE", "it is more than the queue holds: \(queueSize) is taken")
        }
        return BatchLimits(
            queueSize: queueSize, batchSize: given ?? defaults.batchSize,
            scheduleDelay: reader.duration("\(prefix)_SCHEDULE_DELAY", atLeast: 0) ?? defaults.scheduleDelay,
            exportTimeout: reader.duration("\(prefix)_EXPORT_TIMEOUT") ?? defaults.exportTimeout)
    }
}

extension TelemetryResource {
    /// What can be known of this process without being told.
    ///
    /// - Parameters:
    ///   - serviceName: `service.name`; `unknown_service:<program>` unless given.
    ///   - serviceVersion: `service.version`.
    ///   - program: the name of the program; that of the process unless given.
    public static func detected(
        serviceName: String? = nil, serviceVersion: String? = nil, program: String? = nil
    ) -> TelemetryResource {
        let program = program ?? CommandLine.arguments.first?.split(separator: "/").last.map(String.init)
        var attributes: Attributes = [
            "service.name": .string(serviceName ?? "unknown_service" + (program.map { ":\($0)" } ?? "")),
            "service.instance.id": .string(UUID().uuidString.lowercased()),
            "telemetry.sdk.name": "spanqueue",
            "telemetry.sdk.language": "swift",
            "telemetry.sdk.version": .string(version),
            "process.pid": .int(Int64(getpid())),
        ]
        attributes["service.version"] = serviceVersion.map { .string($0) }
        attributes["host.name"] = hostName().map { .string($0) }
        return TelemetryResource(attributes: attributes)
    }

    /// What can be known, and over it `OTEL_RESOURCE_ATTRIBUTES`, and over that `OTEL_SERVICE_NAME`.
    static func fromEnvironment(_ reader: inout EnvironmentReader, program: String?) -> TelemetryResource {
        var resource = detected(program: program)
        for (key, value) in reader.pairs("OTEL_RESOURCE_ATTRIBUTES") ?? [] { resource.attributes[key] = .string(value) }
        if let name = reader.text("OTEL_SERVICE_NAME") { resource.attributes["service.name"] = .string(name) }
        return resource
    }

    /// The kernel's name for this machine: no resolver is asked, which could take long.
    private static func hostName() -> String? {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return nil }
        let bytes = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
    }
}
