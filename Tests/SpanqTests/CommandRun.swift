// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation

/// One run of the built `spanq`: what it printed, and how it ended.
struct CommandRun {
    let output: String
    let errors: String
    let code: Int32

    /// Beside the test bundle, where SwiftPM puts all products.
    static var executable: URL {
        let own = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        return own.deletingLastPathComponent().appendingPathComponent("spanq")
    }

    static func spanq(
        _ arguments: String..., redis: String? = nil, environment: [String: String] = [:], input: String = ""
    ) async throws -> CommandRun {
        try await spanq(arguments, redis: redis, environment: environment, input: input)
    }

    static func spanq(
        _ arguments: [String], redis: String? = nil, environment: [String: String] = [:], input: String = ""
    ) async throws -> CommandRun {
        let process = process(arguments, redis: redis, environment: environment)
        let (stdin, stdout, stderr) = (Pipe(), Pipe(), Pipe())
        process.standardInput = stdin
        process.standardOutput = stdout
        process.standardError = stderr
        try process.run()
        stdin.fileHandleForWriting.write(Data(input.utf8))
        try stdin.fileHandleForWriting.close()
        // Small outputs: they fit the pipes' buffers.
        let output = String(decoding: stdout.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        let errors = String(decoding: stderr.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return CommandRun(output: output, errors: errors, code: process.terminationStatus)
    }

    /// Runs a script of the shell in which `spanq` is the built command: for arguments and variables that no Swift text can be.
    static func shell(_ script: String, redis: String? = nil) async throws -> CommandRun {
        let process = process(["-c", "spanq() { \(executable.path) \"$@\"; }\n\(script)"], redis: redis)
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        let (stdout, stderr) = (Pipe(), Pipe())
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = stdout
        process.standardError = stderr
        try process.run()
        let output = String(decoding: stdout.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        let errors = String(decoding: stderr.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return CommandRun(output: output, errors: errors, code: process.terminationStatus)
    }

    /// Starts a run.
    ///
    /// - Parameters:
    ///   - output: takes what it prints; nobody unless given.
    ///   - input: what it reads; nothing unless given.
    static func start(
        _ arguments: [String], redis: String, output: Pipe? = nil, input: Pipe? = nil
    ) throws -> Process {
        let process = process(arguments, redis: redis)
        process.standardInput = input ?? FileHandle.nullDevice
        process.standardOutput = output ?? FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        return process
    }

    private static func process(
        _ arguments: [String], redis: String?, environment: [String: String] = [:]
    ) -> Process {
        let process = Process()
        process.executableURL = executable
        process.arguments = arguments
        process.environment = Self.environment(redis: redis).merging(environment) { $1 }
        return process
    }

    /// Ours, without what would configure a `spanq`.
    static func environment(redis: String?) -> [String: String] {
        var variables = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("SPANQ_") }
        variables["TRACEPARENT"] = nil
        if let redis { variables["SPANQ_REDIS_URL"] = redis }
        return variables
    }

    var object: [String: Any] {
        (try? JSONSerialization.jsonObject(with: Data(output.utf8))) as? [String: Any] ?? [:]
    }

    var isOneErrorLine: Bool { errors.hasPrefix("spanq: ") && errors.filter { $0 == "\n" }.count == 1 }
}
