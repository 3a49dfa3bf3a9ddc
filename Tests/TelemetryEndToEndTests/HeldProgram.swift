// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation

/// A program that can't outlive the tests: `Tests/Support/hold.py` holds it, and kills it when a pipe closes with this process,
/// however that ends. What it prints goes to a file.
///
/// `@unchecked Sendable`: one test owns it, and calls one method at a time.
final class HeldProgram: @unchecked Sendable {
    let log: String
    private(set) var processIdentifier: Int32 = 0
    private let statusFile: String
    private let guardian = Process()
    private let lifeline = Pipe()

    /// A file of `Tests/Support`.
    static func support(_ name: String) -> String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../Support/\(name)").standardizedFileURL.path
    }

    /// - Parameters:
    ///   - program: a name to be found in PATH, or a path.
    ///   - log: the file for what it prints.
    ///   - environment: added to this process' own, of which nothing of ours or of OpenTelemetry's is kept.
    init(_ program: String, _ arguments: [String], log: String, environment: [String: String] = [:]) throws {
        self.log = log
        statusFile = log + ".status"
        let output = Pipe()
        guardian.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        guardian.arguments = ["python3", Self.support("hold.py"), log, program] + arguments
        let inherited = ProcessInfo.processInfo.environment.filter { name, _ in
            !["SPANQ_", "OTEL_", "TRACE"].contains { name.hasPrefix($0) }
        }
        guardian.environment = inherited.merging(environment) { $1 }
        guardian.standardInput = lifeline
        guardian.standardOutput = output
        _ = fcntl(lifeline.fileHandleForWriting.fileDescriptor, F_SETFD, FD_CLOEXEC)
        try guardian.run()
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        guard let child = Int32(line.trimmingCharacters(in: .whitespacesAndNewlines)) else {
            throw Unmet("cannot start \(program)")
        }
        processIdentifier = child
    }

    deinit { if processIdentifier > 0 { stop() } }

    /// Its exit status, negative where a signal ended it; nil while it runs.
    var status: Int? {
        (try? String(contentsOfFile: statusFile, encoding: .utf8)).flatMap {
            Int($0.trimmingCharacters(in: .whitespacesAndNewlines))
        }
    }

    var output: String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }

    func signal(_ number: Int32) {
        guard status == nil else { return }
        kill(processIdentifier, number)
    }

    /// Kills it, if it runs, and waits until it is gone.
    func stop() {
        try? lifeline.fileHandleForWriting.close()
        guardian.waitUntilExit()
    }

    func waitUntilExit(within limit: Duration = .seconds(30)) async throws -> Int {
        try await found("\(log) did not end:\n\(output)", within: limit) { status }
    }

    /// The number behind the first `text` that it prints.
    func number(after text: String) async throws -> Int {
        try await found("no \"\(text)\" in \(log):\n\(output)") {
            guard let range = output.range(of: text) else { return nil }
            let rest = output[range.upperBound...]
            let digits = rest.prefix { $0.isNumber }
            // A line may be half written.
            return digits.endIndex == rest.endIndex ? nil : Int(digits)
        }
    }

    /// A product of this package: they stand beside the test bundle.
    static func product(_ name: String) -> String {
        URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent()
            .appendingPathComponent(name).path
    }

    static func isInstalled(_ name: String) -> Bool {
        (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").contains {
            FileManager.default.isExecutableFile(atPath: "\($0)/\(name)")
        }
    }
}
