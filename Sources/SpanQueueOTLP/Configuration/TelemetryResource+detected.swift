internal import Foundation
internal import SpanQueueTelemetry

#if canImport(Darwin)
    internal import Darwin
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Glibc
#endif

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
