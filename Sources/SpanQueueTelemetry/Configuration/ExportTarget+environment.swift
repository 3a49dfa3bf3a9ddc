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
                    variable,
                    "\(signal.rawValue) are not exported: set OTEL_EXPORTER_OTLP_ENDPOINT, such as http://localhost:4318"
                )
            }
            return .none
        }
        return .otlp(endpoint)
    }

    private static func endpoint(_ reader: inout EnvironmentReader, _ signal: OTLPSignal) -> OTLPEndpoint? {
        guard let url = url(&reader, signal) else { return nil }
        let protocolVariable = variable(reader, signal, "PROTOCOL")
        if let name = reader.text(protocolVariable), name != "http/json" {
            reader.warn(
                protocolVariable,
                "only http/json is spoken here, so \(signal.rawValue) are NOT EXPORTED: set it to http/json")
            return nil
        }
        var endpoint = OTLPEndpoint(url: url)
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
            reader.warn(variable, "\(problem); \(signal.rawValue) are not exported")
            return nil
        }
        return variable == "OTEL_EXPORTER_OTLP_ENDPOINT" ? OTLPEndpoint.url(base: written, signal: signal) : written
    }

    private static func headers(_ reader: inout EnvironmentReader, _ variable: String) -> [OTLPEndpoint.Header] {
        let pairs = reader.pairs(variable) ?? []
        let headers = pairs.map { OTLPEndpoint.Header($0.key, $0.value) }
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
