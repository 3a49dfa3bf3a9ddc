internal import SpanQueueTelemetry

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
            // A name of that list is no secret.
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
