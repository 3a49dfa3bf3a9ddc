// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Testing

@testable import SpanQueueOTLP
@testable import SpanQueueTelemetry

@Suite("Configuration from the environment")
struct ConfigurationTests {
    @Test("an empty environment, and one of empty variables, exports nothing and is in order")
    func empty() {
        for environment in [
            [:], ["OTEL_EXPORTER_OTLP_ENDPOINT": "", "OTEL_TRACES_SAMPLER": " ", "OTEL_SDK_DISABLED": ""],
        ] {
            let (configuration, warnings) = TelemetryConfiguration.fromEnvironment(environment, program: "prog")
            #expect(warnings.isEmpty)
            #expect(configuration.traces == .none && configuration.metrics == .none && configuration.logs == .none)
            #expect(configuration.sampler == .parentBasedAlwaysOn && configuration.spanBatches == BatchLimits())
            let attributes = configuration.resource.attributes
            #expect(
                attributes["service.name"] == "unknown_service:prog" && attributes["telemetry.sdk.language"] == "swift")
            for key in [
                "service.instance.id", "host.name", "process.pid", "telemetry.sdk.name", "telemetry.sdk.version",
            ] {
                #expect(attributes[key] != nil)
            }
        }
    }

    @Test("the common endpoint gets a path for each signal, a signal's own is used as written")
    func endpoints() {
        let (configuration, warnings) = TelemetryConfiguration.fromEnvironment([
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318/otlp/", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "https://l/x",
            "OTEL_METRICS_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_TIMEOUT": "5000",
            "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT": "7",
            "OTEL_EXPORTER_OTLP_HEADERS": "a=1%2C2, b = x", "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
            "OTEL_EXPORTER_OTLP_LOGS_HEADERS": "c=3", "OTEL_EXPORTER_OTLP_LOGS_COMPRESSION": "none",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json", "OTEL_EXPORTER_OTLP_CERTIFICATE": "/ca",
            "OTEL_EXPORTER_OTLP_CLIENT_KEY": "/key", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": "/cert",
        ])
        #expect(warnings.isEmpty)
        var common = OTLPEndpoint(
            url: "http://c:4318/otlp/v1/traces", headers: [.init("a", "1,2"), .init("b", "x")], usesGzip: true,
            timeout: .seconds(5), authorities: "/ca", clientCertificate: "/cert", clientKey: "/key")
        #expect(configuration.traces == .otlp(common))
        common.url = "http://c:4318/otlp/v1/metrics"
        #expect(configuration.metrics == .otlp(common))
        var logs = common
        (logs.url, logs.headers, logs.usesGzip, logs.timeout) = (
            "https://l/x", [.init("c", "3")], false, .milliseconds(7)
        )
        #expect(configuration.logs == .otlp(logs))
    }

    @Test("everything else is read")
    func values() {
        let (configuration, warnings) = TelemetryConfiguration.fromEnvironment([
            "OTEL_SDK_DISABLED": "TRUE", "OTEL_SERVICE_NAME": "name", "OTEL_PROPAGATORS": "baggage, tracecontext",
            "OTEL_RESOURCE_ATTRIBUTES": "service.name=other,a=%C3%A9,service.version=2",
            "OTEL_TRACES_SAMPLER": "traceidratio",
            "OTEL_TRACES_SAMPLER_ARG": "0.25", "OTEL_BSP_SCHEDULE_DELAY": "1", "OTEL_BSP_EXPORT_TIMEOUT": "2",
            "OTEL_BSP_MAX_QUEUE_SIZE": "30", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "4", "OTEL_BLRP_MAX_QUEUE_SIZE": "5",
            "OTEL_ATTRIBUTE_COUNT_LIMIT": "6", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "7",
            "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "8",
            "OTEL_SPAN_EVENT_COUNT_LIMIT": "9", "OTEL_SPAN_LINK_COUNT_LIMIT": "10",
            "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT": "11",
            "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT": "12", "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT": "13",
            "OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT": "14", "OTEL_METRIC_EXPORT_INTERVAL": "15",
            "OTEL_METRICS_EXEMPLAR_FILTER": "always_off", "OTEL_TRACES_EXPORTER": "console",
            "OTEL_LOGS_EXPORTER": "none",
        ])
        #expect(warnings.isEmpty)
        #expect(configuration.isDisabled && configuration.traces == .console && configuration.logs == .none)
        #expect(configuration.propagators == [.baggage, .traceContext] && configuration.sampler == .traceIDRatio(0.25))
        #expect(
            configuration.resource.attributes["service.name"] == "name" && configuration.resource.attributes["a"] == "é"
        )
        #expect(
            configuration.spanBatches
                == BatchLimits(
                    queueSize: 30, batchSize: 4, scheduleDelay: .milliseconds(1), exportTimeout: .milliseconds(2)))
        #expect(configuration.logBatches.queueSize == 5 && configuration.logBatches.batchSize == 5)
        let limits = SpanLimits(
            attributes: AttributeLimits(count: 8, valueLength: 7), events: 9,
            eventAttributes: AttributeLimits(count: 11, valueLength: 7), links: 10,
            linkAttributes: AttributeLimits(count: 12, valueLength: 7))
        #expect(
            configuration.spanLimits == limits && configuration.logLimits == AttributeLimits(count: 13, valueLength: 14)
        )
        #expect(configuration.metricInterval == .milliseconds(15) && configuration.exemplarFilter == .never)
    }

    @Test(
        "a bad value is warned about and ignored",
        arguments: [
            ("OTEL_SDK_DISABLED", "yes"), ("OTEL_TRACES_SAMPLER", "jaeger_remote"), ("OTEL_BSP_SCHEDULE_DELAY", "5s"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "0"), ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "-1"),
            ("OTEL_SPAN_LINK_COUNT_LIMIT", "many"),
            ("OTEL_PROPAGATORS", "b3,tracecontext,baggage"), ("OTEL_RESOURCE_ATTRIBUTES", "a=1,b"),
            ("OTEL_RESOURCE_ATTRIBUTES", "a=%G1"), ("OTEL_TRACES_EXPORTER", "zipkin"), ("OTEL_TRACES_EXPORTER", "otlp"),
            ("OTEL_METRICS_EXEMPLAR_FILTER", "some"), ("OTEL_METRIC_EXPORT_INTERVAL", "99999999999999999999"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "ftp://x"), ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "no url"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c/v1/traces#f"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c#"),
        ])
    func bad(variable: String, value: String) {
        let (configuration, warnings) = TelemetryConfiguration.fromEnvironment([variable: value], program: "p")
        var plain = TelemetryConfiguration.fromEnvironment([:], program: "p").configuration
        plain.resource = configuration.resource
        #expect(configuration == plain && warnings.count == 1 && warnings.first?.variable == variable)
        #expect(configuration.resource.attributes["a"] == nil)
    }

    @Test("another protocol is refused loudly, for the signals that it is meant for, and it is said what to set")
    func otherProtocol() {
        let (configuration, warnings) = TelemetryConfiguration.fromEnvironment([
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc",
        ])
        #expect(configuration.traces == .none && configuration.logs != .none)
        #expect(warnings.map(\.variable) == ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"])
        #expect(warnings[0].message.contains("set it to http/protobuf") && warnings[0].message.contains("4318"))
        #expect(warnings[0].message.hasSuffix("not exported: traces"))
    }

    @Test(
        "the encoding is the one that is asked for, for all signals or for one",
        arguments: ["http/protobuf", "HTTP/Protobuf"])
    func encodings(name: String) {
        let (configuration, warnings) = TelemetryConfiguration.fromEnvironment([
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_EXPORTER_OTLP_PROTOCOL": name,
            "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL": "http/json",
        ])
        #expect(warnings.isEmpty)
        #expect(configuration.traces == .otlp(OTLPEndpoint(url: "http://c/v1/traces", encoding: .httpProtobuf)))
        #expect(configuration.logs == .otlp(OTLPEndpoint(url: "http://c/v1/logs", encoding: .httpJSON)))
    }

    @Test(
        "what all signals have in common is warned about once, and only for the signals that there are",
        arguments: [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"), ("OTEL_EXPORTER_OTLP_HEADERS", "a"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "brotli"), ("OTEL_EXPORTER_OTLP_HEADERS", "host=x"),
        ])
    func once(variable: String, value: String) {
        var environment = ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_METRICS_EXPORTER": "otlp"]
        environment[variable] = value
        let warnings = TelemetryConfiguration.fromEnvironment(environment).warnings.filter { $0.variable == variable }
        #expect(warnings.count == 1, "\(warnings)")
        let traces = TelemetryConfiguration.fromEnvironment(environment, signals: [.traces])
        #expect(traces.warnings.count == 1 && !"\(traces.warnings)".contains("logs"))
        #expect(traces.configuration.logs == .none && traces.configuration.metrics == .none)
    }

    @Test(
        "headers that would break the request are left out, and named",
        arguments: [
            "Content-Length", "transfer-encoding", "Host", "Connection", "Content-Type", "content-encoding", "TE",
            "Expect", "Upgrade", "Trailer", "Keep-Alive", "proxy-connection",
        ])
    func reservedHeaders(name: String) {
        let (configuration, warnings) = TelemetryConfiguration.fromEnvironment([
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_EXPORTER_OTLP_HEADERS": "a=1,\(name)=canary",
        ])
        #expect(configuration.traces == .otlp(OTLPEndpoint(url: "http://c/v1/traces", headers: [.init("a", "1")])))
        #expect(warnings.count == 1 && warnings[0].message.contains(name.lowercased()))
        #expect(!"\(warnings)".contains("canary"))
    }

    @Test("no secret is in a description, a dump or a warning")
    func secrets() {
        for headers in ["authorization=Bearer%20canary", "authorization=%ZZcanary", "a b=canary", "a=canary%0Ax"] {
            let (configuration, warnings) = TelemetryConfiguration.fromEnvironment([
                "OTEL_EXPORTER_OTLP_ENDPOINT": "http://canary:canary@host/p?key=canary",
                "OTEL_EXPORTER_OTLP_HEADERS": headers,
                "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "canary://canary canary",
            ])
            var text = "\(configuration) \(String(reflecting: configuration)) \(warnings)"
            dump(configuration, to: &text)
            #expect(!text.contains("canary"))
            #expect(text.contains("http://host/p"))
        }
    }
}
