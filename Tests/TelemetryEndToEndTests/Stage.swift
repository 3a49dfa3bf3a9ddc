// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import RedisServerFixture

/// A redis-server, and the built `spanq` beside it: producers, workers, and a look at jobs.
///
/// `@unchecked Sendable`: one test owns it.
final class Stage: @unchecked Sendable {
    let server: RedisServer
    private var programs: [HeldProgram] = []
    private var count = 0

    private init(_ server: RedisServer) {
        self.server = server
    }

    /// Whatever happens, nothing that was started on it is left running.
    static func with(_ body: (Stage) async throws -> Void) async throws {
        let server = try await RedisServer.start()
        let stage = Stage(server)
        defer {
            for program in stage.programs { program.stop() }
            server.stop()
        }
        try await body(stage)
    }

    var directory: String { server.directory }

    func start(_ program: String, _ arguments: [String], environment: [String: String] = [:]) throws -> HeldProgram {
        count += 1
        let name = "\(count)-" + (program.split(separator: "/").last ?? "program")
        let held = try HeldProgram(
            program, arguments, log: "\(directory)/\(name).log",
            environment: environment.merging(["SPANQ_REDIS_URL": server.url]) { $1 })
        programs.append(held)
        return held
    }

    /// A shell script, as a program for `--exec`.
    func script(_ name: String, _ lines: String) throws -> String {
        let path = "\(directory)/\(name)"
        try "#!/bin/sh\n\(lines)\n".write(toFile: path, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: path)
        return path
    }

    /// A `spanq worker` that serves /metrics on a free port.
    func worker(_ arguments: String..., environment: [String: String]) throws -> HeldProgram {
        let program = HeldProgram.product("spanq")
        return try start(
            program, ["worker", "--listen", "127.0.0.1:0", "--lease", "1s"] + arguments, environment: environment)
    }

    /// Runs a command of `spanq` that prints JSON.
    func spanq<Value: Decodable>(
        _ arguments: String..., environment: [String: String] = [:], as type: Value.Type
    ) async throws -> Value {
        let command = try start(HeldProgram.product("spanq"), arguments + ["--json"], environment: environment)
        let status = try await command.waitUntilExit()
        guard status == 0 else { throw Unmet("spanq \(arguments): \(status) \(command.output)") }
        return try JSONDecoder().decode(type, from: Data(command.output.utf8))
    }

    func enqueue(_ type: String, _ options: [String] = [], environment: [String: String]) async throws -> Receipt {
        let command = try start(
            HeldProgram.product("spanq"), ["enqueue", type, "--json"] + options, environment: environment)
        let status = try await command.waitUntilExit()
        guard status == 0 else { throw Unmet("spanq enqueue: \(status) \(command.output)") }
        // What stands on stderr is in the same file.
        let line = command.output.split(separator: "\n").first { $0.hasPrefix("{") } ?? ""
        return try JSONDecoder().decode(Receipt.self, from: Data(line.utf8))
    }

    func show(_ job: String) async throws -> ShownJob {
        try await spanq("job", "show", job, as: ShownJob.self)
    }

    /// The job once it is in a state.
    func job(_ id: String, in state: String) async throws -> ShownJob {
        try await found("job \(id) is not \(state)") {
            let job = try await show(id)
            return job.state == state ? job : nil
        }
    }

    /// What `spanq enqueue --json` prints.
    struct Receipt: Decodable {
        let id: String
        let traceID: String

        enum CodingKeys: String, CodingKey {
            case id
            case traceID = "trace_id"
        }
    }
}
