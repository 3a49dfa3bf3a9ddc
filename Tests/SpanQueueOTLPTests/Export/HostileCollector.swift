// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueueCurl
import Testing

/// `Tests/Support/hostile_collector.py`: one process for all tests, which ends when its standard input does, and so with this one.
/// To each test it is a collector of its own.
struct HostileCollector {
    /// One request that it got.
    struct Request: Decodable {
        let test: String
        let mode: String
        let path: String
        let method: String
        let time: Double
        let items: Int
        let bytes: Int
        let problem: String?
        let headers: [String: String]
    }

    private static let server = Result { try Server() }

    private let server: Server
    private let test = UUID().uuidString

    init() throws {
        server = try Self.server.get()
    }

    /// Where it behaves in one way.
    func base(_ mode: String) -> String { "http://127.0.0.1:\(server.port)/\(mode)/\(test)" }

    /// The requests that it got, in the order in which they came.
    func requests() async throws -> [Request] {
        var request = CurlRequest(url: "http://127.0.0.1:\(server.port)/stats", method: "GET")
        request.responseLimitBytes = 1 << 24
        let response = try await server.http.send(request)
        return try JSONDecoder().decode([Request].self, from: Data(response.body)).filter { $0.test == test }
    }

    /// `@unchecked Sendable`: `Process` and `Pipe` are only kept alive here.
    private final class Server: @unchecked Sendable {
        let port: Substring
        let http = CurlLoop(name: "test")
        private let process = Process()
        private let input = Pipe()

        init() throws {
            let output = Pipe()
            process.executableURL = URL(filePath: OTLPCheck.python ?? "/usr/bin/python3")
            process.arguments = [OTLPCheck.collector]
            process.standardInput = input
            process.standardOutput = output
            try process.run()
            let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
            port = try #require(line.split(separator: "\n").first, "the collector did not start")
        }
    }
}
