// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation

/// A `spanq` whose streams may have faults; those that have none are files. It begins with an empty signal mask and every signal at its
/// default, as from a shell, whatever thread starts it.
///
/// `@unchecked Sendable`: one task owns it, and calls one method at a time.
final class FaultedRun: @unchecked Sendable {
    let pid: Int32
    private let directory: String
    private let ends: [FaultyEnd]
    private var status: Int32?

    struct NotEnding: Error {
        let what: String
    }

    /// - Parameters:
    ///   - wrapper: what starts `spanq`, such as `["/usr/bin/nohup"]`.
    ///   - input: what is on its standard input, unless that has a fault.
    ///   - files: where it writes to, for streams that are neither faulty nor files of ours.
    init(
        _ arguments: [String], redis: String? = nil, faults: [StandardStream: StreamFault] = [:],
        wrapper: [String] = [], input: String = "", environment: [String: String] = [:],
        files: [StandardStream: String] = [:], executable: String = CommandRun.executable.path
    ) throws {
        directory = "/tmp/spanq-run-" + UUID().uuidString.prefix(13)
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try input.write(toFile: directory + "/0", atomically: false, encoding: .utf8)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        var ends: [FaultyEnd] = []
        for stream in StandardStream.allCases {
            if let fault = faults[stream] {
                let end = try FaultyEnd(fault, of: stream)
                ends.append(end)
                if let theirs = end.theirs {
                    posix_spawn_file_actions_adddup2(&actions, theirs, stream.rawValue)
                } else {
                    posix_spawn_file_actions_addclose(&actions, stream.rawValue)
                }
            } else {
                let mode = stream == .input ? O_RDONLY : O_WRONLY | O_CREAT | O_APPEND
                posix_spawn_file_actions_addopen(
                    &actions, stream.rawValue, files[stream] ?? directory + "/\(stream.rawValue)", mode, 0o600)
            }
        }
        self.ends = ends
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var (none, all) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        let command = wrapper + [executable] + arguments
        var variables = CommandRun.environment(redis: redis).merging(environment) { $1 }
        variables["SWIFT_BACKTRACE"] = "enable=no"
        var pid: pid_t = 0
        let code = Self.withStrings(command) { words in
            Self.withStrings(variables.map { "\($0)=\($1)" }) { variables in
                posix_spawn(&pid, command[0], &actions, &attributes, words, variables)
            }
        }
        for end in ends { end.closeTheirs() }
        guard code == 0 else { throw NotEnding(what: "cannot start \(command[0]): error \(code)") }
        self.pid = pid
    }

    deinit {
        if status == nil {
            kill(pid, SIGKILL)
            waitpid(pid, nil, 0)
        }
        for end in ends { end.closeOurs() }
        try? FileManager.default.removeItem(atPath: directory)
    }

    func text(_ stream: StandardStream) -> String {
        let bytes = FileManager.default.contents(atPath: directory + "/\(stream.rawValue)") ?? Data()
        return String(decoding: bytes, as: UTF8.self)
    }

    var output: String { text(.output) }
    var errors: String { text(.error) }

    func signal(_ number: Int32) { if status == nil { kill(pid, number) } }

    var isRunning: Bool { look() == nil }

    private func look() -> Int32? {
        if status == nil {
            var value: Int32 = 0
            if waitpid(pid, &value, WNOHANG) == pid { status = value }
        }
        return status
    }

    /// Waits for its end: the exit code, or 1000 and the number of the signal that ended it.
    func ended(within limit: Duration = .seconds(60)) async throws -> Int {
        let deadline = ContinuousClock.now + limit
        while true {
            if let status = look() {
                let number = status & 0x7F
                return Int(number == 0 ? status >> 8 & 0xFF : 1000 + number)
            }
            guard ContinuousClock.now < deadline else {
                throw NotEnding(what: "spanq \(pid) goes on after \(limit): \(errors.suffix(2000))")
            }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    private static func withStrings<Result>(
        _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
    ) -> Result {
        let pointers = strings.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        return body(pointers)
    }
}

/// Waits until something is so, for a minute at most.
func until(_ what: String, within limit: Duration = .seconds(60), _ condition: () async throws -> Bool) async throws {
    let deadline = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < deadline else { throw FaultedRun.NotEnding(what: "waited \(limit) for \(what)") }
        try await Task.sleep(for: .milliseconds(50))
    }
}
