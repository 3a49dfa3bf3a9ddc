internal import SpanQueueTelemetry

extension TelemetryConfiguration {
    /// Reads the variables of OpenTelemetry.
    ///
    /// - Parameters:
    ///   - environment: such as that of the process.
    ///   - program: the name for `unknown_service:<program>`; that of the process unless given.
    ///   - signals: those that this process has; the variables of others are not looked at.
    /// - Returns: the configuration, and what was wrong with the environment: log it.
    public static func fromEnvironment(
        _ environment: [String: String], program: String? = nil, signals: Set<OTLPSignal> = Set(OTLPSignal.allCases)
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
