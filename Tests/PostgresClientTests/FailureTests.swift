// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import PostgresServerFixture
import SpanQueueLoop
import Synchronization
import Testing

@testable import PostgresClient

private actor Ended {
    private(set) var count = 0
    func add() { count += 1 }
}

@Suite("failures", .timeLimit(.minutes(3)))
struct FailureTests {
    @Test("after kill -9 and a restart what may run again does, and what may not says that it may have run")
    func killed() async throws {
        var configuration = PostgresClient.Configuration()
        configuration.callTimeout = .seconds(60)
        try await withServer(configuration: configuration) { client, server in
            try await client.ask("SELECT 1")
            let again = Task { try await client.ask("SELECT 6::bigint FROM pg_sleep(0.5)") }
            let once = Task { await postgresError { try await client.askOnce("SELECT pg_sleep(30)") } }
            #expect(try await eventually { await client.writtenCount == 2 })
            server.kill()
            #expect(await once.value?.code == .connectionLost)
            #expect(await once.value?.mayHaveRun == true)
            try await server.restart()
            #expect(try await again.value.integer(0, 0) == 6)
            #expect(await client.generation == 2)
        }
    }

    @Test("a call whose answer was lost has run, and says that it may have")
    func answerLost() async throws {
        let server = try await PostgresServer.start()
        defer { server.stop() }
        let cutter = try ReplyCutter(to: server)
        defer { cutter.stop() }
        try await withClient(url: PostgresServer.url(cutter.directory)) { client in
            try await client.ask("CREATE TABLE lost (n int)")
            cutter.cut(true)
            let error = await postgresError { try await client.askOnce("INSERT INTO lost VALUES (1)") }
            #expect(error?.code == .connectionLost)
            #expect(error?.mayHaveRun == true)
            cutter.cut(false)
            #expect(try await client.ask("SELECT count(*) FROM lost").integer(0, 0) == 1)
            // One that may run again is made again, and its caller hears nothing of it.
            cutter.cut(true)
            let again = Task { try await client.ask("INSERT INTO lost VALUES (2)", timeout: .seconds(60)) }
            #expect(try await eventually { await !client.isReady })
            cutter.cut(false)
            _ = try await again.value
            #expect(try await client.ask("SELECT count(*) FROM lost WHERE n = 2").integer(0, 0) >= 1)
        }
    }

    @Test("a server that is not there is waited for until the deadline, and nothing has run")
    func away() async throws {
        try await withClient(url: PostgresServer.url("/tmp/spanq-none-\(UUID().uuidString.prefix(8))")) { client in
            let error = await postgresError { try await client.askOnce("SELECT 1", timeout: .milliseconds(300)) }
            #expect(error?.code == .unreachable)
            #expect(error?.mayHaveRun == false)
            let waited = await postgresError { try await client.connect(timeout: .milliseconds(200)) }
            #expect(waited?.code == .unreachable)
        }
        var configuration = PostgresClient.Configuration()
        configuration.waitsForServer = false
        let url = PostgresServer.url("/tmp/spanq-none-\(UUID().uuidString.prefix(8))")
        try await withClient(url: url, configuration: configuration) { client in
            let error = await postgresError { try await client.connect(timeout: .seconds(60)) }
            #expect(error?.code == .unreachable)
        }
    }

    @Test("each call ends by its own deadline, those behind the first one, too")
    func deadlines() async throws {
        try await withClient(url: PostgresServer.url("/tmp/spanq-none-\(UUID().uuidString.prefix(8))")) { client in
            let ended = Ended()
            var calls: [Task<PostgresError.Code?, Never>] = []
            for milliseconds in [300, 100, 200] {
                calls.append(
                    Task {
                        let error = await postgresError {
                            try await client.ask("SELECT 1", timeout: .milliseconds(milliseconds))
                        }
                        await ended.add()
                        return error?.code
                    })
            }
            let areOver = try await eventually { await ended.count == 3 }
            #expect(areOver)
            // What has not ended by itself ends with this.
            await client.close()
            for call in calls { #expect(await call.value == .unreachable) }
        }
    }

    @Test("a call that was sent, and whose time is over before it can be sent again, may have run")
    func gone() async throws {
        var configuration = PostgresClient.Configuration()
        configuration.callTimeout = .seconds(2)
        try await withServer(configuration: configuration) { client, server in
            try await client.ask("SELECT 1")
            let call = Task { await postgresError { try await client.ask("SELECT pg_sleep(60)") } }
            #expect(try await eventually { await client.hasWritten })
            server.kill()
            let error = await call.value
            #expect(error?.code == .unreachable && error?.mayHaveRun == true)
        }
    }

    @Test("a client that is refused says so at once")
    func refused() async throws {
        let server = try await PostgresServer.start()
        defer { server.stop() }
        for url in [
            "postgres://nobody-here@/postgres?host=\(server.directory)",
            "postgres://spanq@/none?host=\(server.directory)",
        ] {
            try await withClient(url: url) { client in
                let error = await postgresError { try await client.connect(timeout: .seconds(60)) }
                #expect(error?.code == .authentication)
            }
        }
    }

    @Test("where connecting takes long, the loop goes on")
    func blocked() async throws {
        // A listener that never answers: libpq waits for it.
        let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        let directory = "/tmp/spanq-mute-" + UUID().uuidString.prefix(13)
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer {
            close(listener)
            try? FileManager.default.removeItem(atPath: directory)
        }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) {
            $0.copyBytes(from: (directory + "/.s.PGSQL.5432").utf8.prefix($0.count - 1))
        }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        #expect(bound == 0)
        #expect(listen(listener, 4) == 0)
        try await withClient(url: PostgresServer.url(directory)) { client in
            client.open()
            // The connection is taken, so the attempt is under way, and nobody will answer it.
            let taken = await Task.detached { accept(listener, nil, nil) }.value
            #expect(taken >= 0)
            let isRunning = Mutex(false)
            client.loop.execute { isRunning.withLock { $0 = true } }
            let hasRun = try await eventually { isRunning.withLock { $0 } }
            #expect(hasRun)
            #expect(await !client.isReady)
            let error = await postgresError { try await client.ask("SELECT 1", timeout: .milliseconds(100)) }
            #expect(error?.code == .unreachable)
            close(taken)
        }
    }

    @Test("a database that takes no writes is not stayed with")
    func readOnly() async throws {
        try await withServer { client, _ in
            try await client.ask("CREATE TABLE ro (n int)")
            let error = await postgresError {
                try await client.askOnce(
                    "DO $$ BEGIN SET LOCAL transaction_read_only = on; INSERT INTO ro VALUES (1); END $$")
            }
            #expect(error?.code == .readOnly)
            #expect(error?.mayHaveRun == false)
            #expect(try await client.ask("SELECT count(*) FROM ro").integer(0, 0) == 0)
            #expect(await client.generation == 2)
        }
    }
}

@Suite("errors")
struct PostgresErrorTests {
    @Test(
        "SQLSTATEs are told apart by what a caller can do",
        arguments: [
            ("57P01", .connectionLost), ("08006", .connectionLost), ("25006", .readOnly), ("40001", .conflict),
            ("40P01", .conflict), ("55P03", .conflict), ("53200", .outOfResources), ("53100", .outOfResources),
            ("28P01", .authentication), ("42501", .authentication), ("42P01", .noSchema), ("3F000", .noSchema),
            ("42883", .noSchema), ("57014", .timeout), ("0A000", .unsupported), ("22012", .other("22012")),
        ] as [(String, PostgresError.Code)])
    func codes(state: String, code: PostgresError.Code) {
        let error = PostgresError(sqlState: state, text: "words")
        #expect(error.code == code)
        #expect(error.message.contains("words") && error.message.contains(state))
        // A rolled back transaction has not had its effect; of a server that goes away nothing is known.
        #expect(error.mayHaveRun == (code == .connectionLost))
    }

    @Test("labels are of few values")
    func labels() {
        #expect(PostgresError.Code.other("22012").label == "22012")
        #expect(PostgresError.Code.other("22x12").label == "_OTHER")
        #expect(PostgresError.Code.other("a text from outside").label == "_OTHER")
    }

    @Test(
        "a URL's password is in no text",
        arguments: [
            "postgres://ada:s3cret@db.example:6543/jobs?sslmode=require",
            "host=db.example user=ada password=s3cret dbname=jobs",
        ])
    func password(text: String) throws {
        let url = try PostgresURL(text)
        var dumped = ""
        dump(url, to: &dumped)
        for shown in ["\(url)", String(reflecting: url), dumped] {
            #expect(!shown.contains("s3cret"))
        }
        #expect("\(url)".contains("ada@db.example"))
        #expect(url["dbname"] == "jobs")
    }

    @Test(
        "what is no URL is refused without being quoted",
        arguments: ["", "postgres://ada:s3cret@host:port:1/x?bad", "s3cret here"])
    func noURL(text: String) {
        let error = #expect(throws: PostgresError.self) { try PostgresURL(text) }
        #expect(error?.message.contains("s3cret") == false)
        #expect(error?.message.contains("postgres://") == true)
    }
}
