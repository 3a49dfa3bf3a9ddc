// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Logging
import SpanQueue

/// What keeps the jobs of a scenario: a server of its own, to which harm is done.
protocol FaultStore: Sendable {
    /// For what is written down: histories, and what processes print.
    var directory: String { get }
    /// Straight to the server.
    var url: String { get }
    /// By which workers and producers come that are told of no other way.
    var childURL: String { get }
    /// What they have in their environment then.
    var childEnvironment: [String: String] { get }

    /// What is wrong with how a queue at rest is stored, in words.
    func damage(of queue: String) async throws -> [String]
    /// Ends what belongs to it.
    func stop() async
}

/// The server of a scenario, processes, and their history.
///
/// `@unchecked Sendable`: one scenario owns it.
final class Stage<Store: FaultStore>: @unchecked Sendable {
    let store: Store
    /// Straight to the server.
    let queue: JobQueue
    private var children: [Child] = []

    private init(_ store: Store) async throws {
        self.store = store
        queue = try JobQueue(engine: EngineOn.source(store.url), logger: .silent)
        // Connected now: a server that is busy later would not let it in.
        try await queue.connect()
    }

    /// Whatever happens, nothing that was started on it is left running.
    static func with<Result>(_ store: Store, _ body: (Stage) async throws -> Result) async throws -> Result {
        let stage: Stage
        do {
            stage = try await Stage(store)
        } catch {
            await store.stop()
            throw error
        }
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
        await store.stop()
        return try result.get()
    }

    var history: String { store.directory + "/history" }
    var lines: [HistoryLine] { HistoryFile.read(history) }

    // MARK: Processes

    @discardableResult
    func worker(
        _ url: String? = nil, concurrency: Int = 8, lease: Duration = .seconds(2), drain: Duration = .seconds(5),
        environment: [String: String] = [:]
    ) throws -> Child {
        try start(
            "FaultProcess",
            [
                "worker", url ?? store.childURL, history, "\(concurrency)",
                "\(Int(lease / .milliseconds(1)))",
                "\(Int(drain / .milliseconds(1)))",
            ], environment: url == nil ? environment.merging(store.childEnvironment) { $1 } : environment)
    }

    /// - Parameters:
    ///   - pause: between two enqueues.
    ///   - handler: how long each job's handler runs.
    @discardableResult
    func producer(
        _ url: String? = nil, _ name: String = "p", count: Int, pause: Duration = .zero, handler: Duration = .zero,
        environment: [String: String] = [:]
    ) throws -> Child {
        try start(
            "FaultProcess",
            [
                "producer", url ?? store.childURL, history, name, "\(count)",
                "\(Int(pause / .milliseconds(1)))",
                "\(Int(handler / .milliseconds(1)))",
            ], environment: url == nil ? environment.merging(store.childEnvironment) { $1 } : environment)
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

    private func log(_ number: Int) -> String { "\(store.directory)/child-\(number).log" }

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

    /// How the jobs stand in the queue at rest.
    func final() async throws -> FinalState {
        try await FinalState.read(queue, damage: try await store.damage(of: "default"))
    }

    func check() async throws -> Findings { Checker.check(lines, try await final()) }
}

extension FaultJob {
    var bytes: [UInt8] {
        get throws { [UInt8](try JSONEncoder().encode(self)) }
    }
}

extension Logger {
    static var silent: Logger { Logger(label: "faults") { _ in SwiftLogNoOpLogHandler() } }
}
