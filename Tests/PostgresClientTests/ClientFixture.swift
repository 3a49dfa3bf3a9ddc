// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Logging
import PostgresServerFixture
import SpanQueueLoop

@testable import PostgresClient

/// One server for the tests that do not harm it. It ends with this process.
private let shared = Task { try await PostgresServer.start() }

/// A client of the shared server, closed in the end.
func withClient<Result>(
    configuration: PostgresClient.Configuration = .init(), body: (PostgresClient) async throws -> Result
) async throws -> Result {
    try await withClient(url: try await shared.value.url, configuration: configuration, body: body)
}

/// A server of the test's own, and a client of it.
func withServer<Result>(
    configuration: PostgresClient.Configuration = .init(),
    body: (PostgresClient, PostgresServer) async throws -> Result
) async throws -> Result {
    let server = try await PostgresServer.start()
    defer { server.stop() }
    return try await withClient(url: server.url, configuration: configuration) { try await body($0, server) }
}

func withClient<Result>(
    url: String, configuration: PostgresClient.Configuration = .init(),
    body: (PostgresClient) async throws -> Result
) async throws -> Result {
    let loop = LoopThread(name: "test")
    defer { loop.stop() }
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let client = PostgresClient(
        url: try PostgresURL(url), name: "test", configuration: configuration, loop: loop, logger: logger)
    do {
        let result = try await body(client)
        await client.close()
        return result
    } catch {
        await client.close()
        throw error
    }
}

extension PostgresClient {
    /// A statement that may be sent again.
    @discardableResult
    func ask(_ statement: String, _ parameters: PostgresValue..., timeout: Duration? = nil) async throws -> PostgresRows
    {
        try await run(PostgresCall("ask", statement, parameters), timeout: timeout, idempotent: true)
    }

    /// A statement that may run only once.
    @discardableResult
    func askOnce(
        _ statement: String, _ parameters: PostgresValue..., timeout: Duration? = nil
    ) async throws -> PostgresRows {
        try await run(PostgresCall("ask_once", statement, parameters), timeout: timeout, idempotent: false)
    }

    var writtenCount: Int { line.writtenCount }
    var hasWritten: Bool { line.writtenCount > 0 }
    var isReady: Bool { life.state == .ready }
    var hasParked: Bool { !parked.isEmpty }
}

/// What was thrown, if it was a `PostgresError`.
func postgresError<Result>(_ body: () async throws -> Result) async -> PostgresError? {
    do {
        _ = try await body()
        return nil
    } catch {
        return error as? PostgresError
    }
}

/// Waits for a condition, for half a minute at most.
func eventually(_ condition: () async throws -> Bool) async throws -> Bool {
    let end = ContinuousClock.now + .seconds(30)
    while ContinuousClock.now < end {
        if try await condition() { return true }
        try await Task.sleep(for: .milliseconds(5))
    }
    return false
}
