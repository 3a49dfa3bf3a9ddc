// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import PostgresServerFixture
import RedisServerFixture
import Testing

@Suite("Servers of tests", .timeLimit(.minutes(3)))
struct FixtureTests {
    @Test("end with a test process that is killed, and nothing of theirs stays in /tmp")
    func killed() async throws {
        let result = try await #require(
            processExitsWith: .signal(SIGKILL), observing: [\.standardOutputContent]
        ) {
            let postgres = try await PostgresServer.start()
            let redis = try await RedisServer.start()
            let authority = try TLSAuthority()
            // One that is to be started again has its directory for as long.
            redis.kill()
            try await redis.restart()
            let servers = [postgres.processIdentifier, redis.processIdentifier]
            let words = ["held", "\(getpid())"] + servers.map(String.init) + ["\n"]
            FileHandle.standardOutput.write(Data(words.joined(separator: " ").utf8))
            kill(getpid(), SIGKILL)
            withExtendedLifetime((postgres, redis, authority)) { _ = pause() }
        }
        let output = String(decoding: result.standardOutputContent, as: UTF8.self)
        let line = try #require(output.split(separator: "\n").first { $0.hasPrefix("held ") })
        let numbers = line.split(separator: " ").compactMap { Int32($0) }
        try #require(numbers.count == 3)
        try await until("the servers to end") { numbers[1...].allSatisfy { kill($0, 0) != 0 } }
        try await until("their directories to go") { try Self.directories(of: numbers[0]).isEmpty }
    }

    @Test("have their directories until they are stopped, and no longer")
    func stopped() async throws {
        let postgres = try await PostgresServer.start()
        let redis = try await RedisServer.start()
        let paths = [postgres.directory, redis.directory]
        for path in paths { #expect(try Self.directories(of: getpid()).contains { path == "/tmp/" + $0 }) }
        postgres.kill()
        try await postgres.restart()
        postgres.stop()
        redis.stop()
        for path in paths { #expect(!FileManager.default.fileExists(atPath: path)) }
    }

    private static func directories(of process: Int32) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "/tmp").filter {
            $0.hasPrefix("spanq-") && $0.contains("-\(process)-")
        }
    }
}
