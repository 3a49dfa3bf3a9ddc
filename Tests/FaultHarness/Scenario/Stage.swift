// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import HiredisClient
import Logging
import RedisServerFixture
import SpanQueue
import SpanQueueRedis

/// A redis-server of a scenario's own, a proxy in front of it, processes and their history.
///
/// `@unchecked Sendable`: one scenario owns it.
package final class Stage: @unchecked Sendable {
    let server: RedisServer
    let proxy: FaultProxy
    let redis: RawRedis
    /// Straight to the server, whatever the proxy does.
    let queue: JobQueue
    private var children: [Child] = []
    /// With `SPANQ_TEST_TLS=1` workers and producers reach the server by TLS, with a certificate of their own. What goes through the proxy
    /// does not: the proxy reads it.
    private let encrypted: (server: TLSServer, client: TLSAuthority.Identity)?
    private static let isEncrypted = ProcessInfo.processInfo.environment["SPANQ_TEST_TLS"] == "1"

    private init(_ server: RedisServer, _ encrypted: TLSServer?) async throws {
        self.server = server
        self.encrypted = try encrypted.map { ($0, try $0.authority.sign("client", for: "DNS:client")) }
        proxy = try FaultProxy(to: .unix(server.socketPath))
        redis = try RawRedis(server.url)
        // Connected now: a Redis that is busy later would not let it in.
        try await redis.call("PING")
        queue = try JobQueue(engine: .redis(server.url, WorkerRole.keepsAll), logger: .silent)
        try await queue.connect()
    }

    /// Whatever happens, nothing that was started on it is left running.
    static func with<Result>(
        _ arguments: [String] = [], environment: [String: String] = [:], _ body: (Stage) async throws -> Result
    ) async throws -> Result {
        let encrypted =
            isEncrypted ? try await TLSServer.start(arguments, clients: "yes", environment: environment) : nil
        let server: RedisServer
        if let encrypted {
            server = encrypted.server
        } else {
            server = try await RedisServer.start(arguments, environment: environment)
        }
        defer { server.stop() }
        let stage = try await Stage(server, encrypted)
        let result: Swift.Result<Result, any Error>
        do {
            result = .success(try await body(stage))
        } catch {
            let tails = stage.logs.filter { !$0.isEmpty }.map { $0.suffix(600) }
            result = .failure(Unmet("\(error)\n\(tails.joined(separator: "\n"))"))
        }
        for child in stage.children {
            child.signal(SIGKILL)
            try? await child.waitUntilExit(within: .seconds(5))
        }
        if ProcessInfo.processInfo.environment["SPANQ_FAULT_LOGS"] != nil {
            for log in stage.logs { FileHandle.standardError.write(Data(log.utf8)) }
        }
        await stage.queue.shutdown()
        await stage.redis.close()
        stage.proxy.stop()
        return try result.get()
    }

    var history: String { server.directory + "/history" }
    var lines: [HistoryLine] { HistoryFile.read(history) }

    /// Kills redis-server, under load, and starts it again.
    ///
    /// Under `everysec` Redis answers writes that it has not handed to the kernel, while an earlier fsync is under way: a kill then
    /// loses them (see `crash-in-fsync`). That is Redis' loss and not what is looked at here, so it is let finish first.
    func restartServer() async throws {
        try await redis.call("CLIENT", "PAUSE", "5000", "WRITE")
        try await wait(for: "what was answered to be written", within: .seconds(5)) {
            let pending = try await redis.info("aof_pending_bio_fsync")
            let buffered = try await redis.info("aof_buffer_length")
            return pending == "0" && buffered == "0"
        }
        try await server.restart()
    }

    // MARK: Processes

    @discardableResult
    func worker(
        _ url: String? = nil, concurrency: Int = 8, lease: Duration = .seconds(2), drain: Duration = .seconds(5)
    ) throws -> Child {
        try start(
            "FaultProcess",
            [
                "worker", url ?? encrypted?.server.url ?? server.url, history, "\(concurrency)",
                "\(Int(lease / .milliseconds(1)))",
                "\(Int(drain / .milliseconds(1)))",
            ], environment: url == nil ? certificates : [:])
    }

    /// - Parameters:
    ///   - pause: between two enqueues.
    ///   - handler: how long each job's handler runs.
    @discardableResult
    func producer(
        _ url: String? = nil, _ name: String = "p", count: Int, pause: Duration = .zero, handler: Duration = .zero
    ) throws -> Child {
        try start(
            "FaultProcess",
            [
                "producer", url ?? encrypted?.server.url ?? server.url, history, name, "\(count)",
                "\(Int(pause / .milliseconds(1)))",
                "\(Int(handler / .milliseconds(1)))",
            ], environment: url == nil ? certificates : [:])
    }

    /// For the environment of those who come by TLS.
    private var certificates: [String: String] {
        guard let encrypted else { return [:] }
        return [
            "SPANQ_FAULT_TLS_CA": encrypted.server.authority.certificate,
            "SPANQ_FAULT_TLS_CERT": encrypted.client.certificate, "SPANQ_FAULT_TLS_KEY": encrypted.client.key,
        ]
    }

    /// Starts a program, and says where it prints to.
    @discardableResult
    func start(
        _ program: String, _ arguments: [String], environment: [String: String] = [:], output: FileHandle? = nil,
        errors: FileHandle? = nil
    ) throws -> Child {
        let child = try Child(
            program, arguments, log: log(children.count), environment: environment, output: output, errors: errors)
        children.append(child)
        return child
    }

    /// What the processes printed, in the order of their start.
    var logs: [String] {
        children.indices.map { (try? String(contentsOfFile: log($0), encoding: .utf8)) ?? "" }
    }

    private func log(_ number: Int) -> String { "\(server.directory)/child-\(number).log" }

    // MARK: The test's own jobs

    /// Enqueues as a producer would, and writes it down.
    @discardableResult
    func enqueue(_ job: FaultJob, _ options: EnqueueOption...) async throws -> JobID {
        let file = try HistoryFile(history)
        let id = JobID.random()
        file.note(.called, id.description)
        try await queue.enqueue(
            EnqueueRequest(type: FaultJob.jobType, payload: try job.bytes, options: options + [.id(id)]))
        file.note(.accepted, id.description)
        return id
    }

    func count(_ state: JobState) async throws -> Int { try await queue.counts(of: ["default"])[0][state] }

    /// Claims that were answered as lost, other than by a heartbeat that crossed the settlement of its job.
    var lostClaims: Int {
        let settled = Set(lines(.settled).map { "\($0.job) \($0.token)" })
        return Set((lines(.heartbeatLost) + lines(.settleLost)).map { "\($0.job) \($0.token)" })
            .subtracting(settled).count
    }

    func record(_ id: JobID) async throws -> JobRecord {
        guard let record = try await queue.job(id) else { throw Unmet("no job \(id)") }
        return record
    }

    func lines(_ what: HistoryLine.What) -> [HistoryLine] { lines.filter { $0.what == what } }

    /// Waits until no job waits or runs.
    func drain(within limit: Duration) async throws {
        try await wait(for: "the queue to drain", within: limit) {
            guard let counts = try? await queue.counts(of: ["default"])[0] else { return false }
            return counts[.ready] + counts[.scheduled] + counts[.active] + counts[.retrying] == 0
        }
    }

    func check() async throws -> Findings {
        Checker.check(lines, try await FinalState.read(queue, "default", redis))
    }
}

extension FaultJob {
    var bytes: [UInt8] {
        get throws { [UInt8](try JSONEncoder().encode(self)) }
    }
}

extension Logger {
    static var silent: Logger { Logger(label: "faults") { _ in SwiftLogNoOpLogHandler() } }
}
