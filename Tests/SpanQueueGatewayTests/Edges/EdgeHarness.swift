// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Logging
import ServiceLifecycle
import SpanQueue
import SpanQueueAdmin
import SpanQueueProto
import SpanQueueServer
import SpanQueueTelemetry
import SpanQueueTesting
import SwiftProtobuf
import Testing

@testable import SpanQueueGateway

typealias EdgeClient = GRPCClient<HTTP2ClientTransport.Posix>

/// A gateway with its edges, in this process.
struct EdgeHarness {
    let queue: JobQueue
    let port: Int
    let health: GatewayHealth
    let group: ServiceGroup

    static func with(
        _ edges: GatewayEdges, on source: EngineSource = .inMemory(), _ body: (EdgeHarness) async throws -> Void
    ) async throws {
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        let queue = try JobQueue(engine: source, telemetry: JobTelemetry(), logger: logger)
        try await queue.connect()
        var configuration = GatewayConfiguration(address: .tcp(host: "127.0.0.1", port: 0))
        configuration.drainTimeout = .seconds(5)
        let health = GatewayHealth(queue)
        try edges.apply(to: &configuration, queue, health: health, logger: logger)
        let gateway = try Gateway(queue, configuration, logger: logger)
        try gateway.start()
        let port = try #require(gateway.port)
        let group = ServiceGroup(services: [gateway, health], logger: logger)
        let running = Task { try await group.run() }
        let result: Result<Void, any Error>
        do {
            try await body(EdgeHarness(queue: queue, port: port, health: health, group: group))
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await group.triggerGracefulShutdown()
        try await running.value
        await queue.shutdown()
        try result.get()
    }

    func client(
        _ security: HTTP2ClientTransport.Posix.TransportSecurity = .plaintext,
        _ body: (EdgeClient) async throws -> Void
    ) async throws {
        try await withGRPCClient(
            transport: .http2NIOPosix(
                target: .ipv4(address: "127.0.0.1", port: port), transportSecurity: security), handleClient: body)
    }

    /// As whom the gateway takes a caller: the name that it writes beside a pause, or the code of the refusal.
    func whoIs(_ client: EdgeClient, _ metadata: Metadata) async throws -> String {
        var options = CallOptions.defaults
        options.waitForReady = false
        options.timeout = .seconds(20)
        let admin = Spanqueue_V1_Admin.Client(wrapping: client)
        do {
            _ = try await admin.resumeQueue(.with { $0.name = "q" }, metadata: metadata, options: options)
            let view = try await admin.pauseQueue(
                .with {
                    $0.name = "q"
                    $0.reason = "who?"
                }, metadata: metadata, options: options)
            return view.pause.by
        } catch let error as RPCError {
            return "\(error.code)"
        }
    }
}

/// Certificates of a test's own, made by `openssl`.
struct TestAuthority {
    let directory: URL
    private let name: String

    var certificate: String { path("ca.crt") }

    init(_ name: String, in directory: URL) throws {
        self.name = name
        self.directory = directory
        try openssl(
            "req", "-x509", "-days", "2", "-subj", "/CN=\(name)", "-keyout", path("ca.key"), "-out", path("ca.crt"),
            "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    }

    func path(_ file: String) -> String { directory.appendingPathComponent("\(name)-\(file)").path }

    /// - Returns: paths of the certificate and its key.
    func issue(_ subject: String, as file: String) throws -> (certificate: String, key: String) {
        try "subjectAltName=IP:127.0.0.1,DNS:localhost\n".write(
            toFile: path("names"), atomically: true, encoding: .utf8)
        try openssl(
            "req", "-subj", subject, "-keyout", path(file + ".key"), "-out", path(file + ".csr"), "-newkey", "ec",
            "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        try openssl(
            "x509", "-req", "-days", "2", "-in", path(file + ".csr"), "-CA", path("ca.crt"), "-CAkey", path("ca.key"),
            "-CAcreateserial", "-extfile", path("names"), "-out", path(file + ".crt"))
        return (path(file + ".crt"), path(file + ".key"))
    }

    private func openssl(_ arguments: String...) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["openssl"] + arguments
        process.standardError = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Missed(description: "openssl \(arguments[0]) failed: is it installed?")
        }
    }
}

func withDirectory(_ body: (URL) async throws -> Void) async throws {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("spanq-edges-\(UUID())")
    try FileManager.default.createDirectory(
        at: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    defer { try? FileManager.default.removeItem(at: directory) }
    try await body(directory)
}
