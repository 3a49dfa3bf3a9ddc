// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HTTPFixture
import Logging
import ServiceLifecycle
import SpanQueue
import SpanQueueServer
import SpanQueueTelemetry

/// A server on a free port, in a service group of its own.
struct ServerUnderTest: Sendable {
    let server: MetricsServer
    let port: Int
    let group: ServiceGroup

    /// Runs `body` with a server, then stops it.
    static func run<Value: Sendable>(
        _ registry: MetricsRegistry = MetricsRegistry(), health: HealthChecks = HealthChecks(),
        limits: ConnectionLimits = ConnectionLimits(), queue: JobQueue? = nil, services: [any Service] = [],
        _ body: @Sendable (ServerUnderTest) async throws -> Value
    ) async throws -> Value {
        let quiet = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        let server = MetricsServer(
            address: .tcp(host: "127.0.0.1", port: 0), registry: registry, health: health, queue: queue,
            limits: limits, logger: quiet)
        try server.start()
        let group = ServiceGroup(services: [server] + services + [server.drainNotice], logger: quiet)
        let test = ServerUnderTest(server: server, port: server.port ?? 0, group: group)
        return try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            let result: Result<Value, any Error>
            do {
                result = .success(try await body(test))
            } catch {
                result = .failure(error)
            }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
            return try result.get()
        }
    }

    /// One request on a connection of its own.
    func request(
        _ path: String, method: String = "GET", headers: [String: String] = [:], body: String = ""
    ) async throws -> Answer? {
        let client = try RawClient(port: port)
        let lines = headers.map { "\($0): \($1)\r\n" }.joined()
        client.send("\(method) \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\(lines)\r\n\(body)")
        return Answer(await client.readToEnd())
    }
}
