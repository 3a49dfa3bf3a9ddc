// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import RedisServerFixture
import SpanQueue

/// What processes are attached to.
extension Scenario {
    /// A log driver that hangs: the worker's standard error is a pipe that takes nothing.
    static let stalledStderr = Scenario(
        "stalled-stderr", "a worker's standard error takes nothing, a second worker beside"
    ) { size in
        let jobs = size == .full ? 20_000 : 400
        return try await RedisStage.with { stage in
            let stalled = try StalledPipe()
            let words = [
                "worker", "--redis", stage.server.url, "--exec", "fault:*=/bin/false", "--exec", "long:*=/bin/sleep 7",
                "--exec", "endless:*=/bin/sleep 600", "--lease", "2s", "--drain-timeout", "2s", "--listen", "none",
            ]
            let first = try stage.start("spanq", words, errors: stalled.writing)
            _ = try await stage.queue.enqueue(
                (0..<4).map { _ in EnqueueRequest(type: "long:job", payload: [], options: [.maxRetries(0)]) })
            try await wait(for: "them to run", within: .seconds(20)) { try await stage.count(.active) == 4 }
            // It would take back what the first lets lapse.
            let second = try stage.start("spanq", words)
            for start in stride(from: 0, to: jobs, by: 1000) {
                _ = try await stage.queue.enqueue(
                    (start..<min(jobs, start + 1000)).map { _ in
                        EnqueueRequest(type: "fault:x", payload: [], options: [.maxRetries(0)])
                    })
            }
            try await wait(for: "all to end", within: .seconds(size == .full ? 600 : 60)) {
                let dead = try await stage.count(.dead)
                let completed = try await stage.count(.completed)
                return dead == jobs && completed == 4
            }
            let reclaims = try await stage.queue.list(ListRequest(queue: "default", state: .completed)).jobs
                .reduce(0) { $0 + $1.run.reclaims }
            second.signal(SIGTERM)
            try await second.waitUntilExit(within: .seconds(20))
            _ = try await stage.queue.enqueue(type: "endless:job", payload: [])
            try await wait(for: "the last to run", within: .seconds(20)) { first.programs == 1 }
            first.signal(SIGTERM)
            let asked = ContinuousClock.now
            try await first.waitUntilExit(within: .seconds(60))
            let took = ContinuousClock.now - asked
            // A second signal cuts a long drain short, whatever the first had to say.
            let third = try stage.start("spanq", words + ["--drain-timeout", "10m"], errors: stalled.writing)
            try await wait(for: "the job that was released to run", within: .seconds(20)) { third.programs == 1 }
            third.signal(SIGTERM)
            try await Task.sleep(for: .milliseconds(500))
            third.signal(SIGTERM)
            let askedTwice = ContinuousClock.now
            try await third.waitUntilExit(within: .seconds(60))
            let cut = ContinuousClock.now - askedTwice
            return [
                .exactly("jobs ended", jobs, jobs), .exactly("leases lost over four of them", reclaims, 0),
                .atMost("exit after SIGTERM", took, .seconds(2 + 6), slack: .seconds(2)),
                .exactly("exit code", Int(first.exitStatus), 0),
                .atMost("exit after a second SIGTERM", cut, .seconds(6), slack: .seconds(2)),
                .exactly("given back", try await stage.count(.ready), 1),
            ]
        }
    }

    /// `/dev/full` stands for the disk.
    static let fullDisk = Scenario("full-disk", "a full disk under standard output and error of each command") { size in
        let jobs = size == .full ? 2000 : 100
        return try await RedisStage.with { stage in
            func full() throws -> FileHandle { try FileHandle(forWritingTo: URL(fileURLWithPath: "/dev/full")) }
            let worker = try stage.start(
                "spanq",
                ["worker", "--redis", stage.server.url, "--exec", "fault:*=/bin/false", "--listen", "none"],
                output: try full(), errors: try full())
            _ = try await stage.queue.enqueue(
                (0..<jobs).map { _ in EnqueueRequest(type: "fault:x", payload: [], options: [.maxRetries(0)]) })
            try await wait(for: "all to end", within: .seconds(120)) { try await stage.count(.dead) == jobs }
            worker.signal(SIGTERM)
            try await worker.waitUntilExit(within: .seconds(40))
            var unnoticed: [String] = []
            let commands = [
                "enqueue fault:x --id last", "enqueue fault:x --json", "job list --limit 0", "job list --json",
                "job show last", "job trace last", "queue list", "queue stats --json", "dead list", "audit", "version",
                "--help", "worker --once --exec fault:*=/bin/false --log-level critical",
                "bench --only enqueue-bulk --jobs 100",
            ]
            for command in commands {
                let child = try stage.start(
                    "spanq", command.split(separator: " ").map(String.init),
                    environment: ["SPANQ_REDIS_URL": stage.server.url], output: try full())
                try await child.waitUntilExit(within: .seconds(60))
                let said = stage.logs.last ?? ""
                if child.exitStatus != 1 || !said.contains("No space left on device") { unnoticed.append(command) }
            }
            let isThere = try await stage.queue.job("last") != nil
            return [
                .exactly("jobs ended by the worker", jobs, jobs),
                .exactly("its exit code", Int(worker.exitStatus), 0),
                .none("commands of \(commands.count) that ended with success", unnoticed),
                .exactly("enqueued though its id could not be shown", isThere ? 1 : 0, 1),
            ]
        }
    }
}

/// A pipe that takes nothing, and that nobody reads.
private final class StalledPipe {
    private let pipe = Pipe()
    var writing: FileHandle { pipe.fileHandleForWriting }

    init() throws {
        let descriptor = writing.fileDescriptor
        let flags = fcntl(descriptor, F_GETFL)
        _ = fcntl(descriptor, F_SETFL, flags | O_NONBLOCK)
        let bytes = [UInt8](repeating: UInt8(ascii: "."), count: 4096)
        for size in [4096, 1] { while write(descriptor, bytes, size) > 0 {} }
        _ = fcntl(descriptor, F_SETFL, flags)
        _ = fcntl(pipe.fileHandleForReading.fileDescriptor, F_SETFD, FD_CLOEXEC)
    }
}
