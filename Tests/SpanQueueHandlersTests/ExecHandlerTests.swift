// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueue
import SpanQueueTelemetry
import Testing

@testable import SpanQueueHandlers

@Suite("A program that is run for a job")
struct ExecHandlerTests {
    @Test("completes with exit code 0, and its standard output is the result")
    func completes() async throws {
        let sample = SampleJob("the payload")
        try await ExecHandler(command: "cat").run(sample.payload, sample.context)
        #expect(sample.resultText == "the payload")
    }

    @Test("leaves no result when it writes nothing")
    func silent() async throws {
        let sample = SampleJob("x")
        try await ExecHandler(command: "true").run(sample.payload, sample.context)
        #expect(sample.result == nil)
    }

    @Test("gets any bytes, and as many as a payload may have")
    func largePayload() async throws {
        let payload = (0..<1 << 20).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) }
        let sample = SampleJob(payload)
        try await ExecHandler(command: "sha256sum").run(sample.payload, sample.context)
        let other = SampleJob(payload)
        try await ExecHandler(
            command: "python3 -c 'import hashlib,sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())'"
        )
        .run(other.payload, other.context)
        #expect(sample.resultText.prefix(64) == other.resultText.prefix(64))
    }

    @Test("is tried again with any exit code but 0 and 65", arguments: [1, 2, 64, 66, 75, 126, 127, 255])
    func retries(_ code: Int) async throws {
        let sample = SampleJob()
        let handler = try ExecHandler(command: "sh -c 'echo went wrong >&2; exit \(code)'")
        let error = try #require(
            await failure { try await handler.run(sample.payload, sample.context) } as? any NamedError)
        #expect("\(error)" == "exit status \(code): went wrong")
        #expect(error.errorType == "exit_status")
    }

    @Test("is buried with exit code 65")
    func buries() async throws {
        let sample = SampleJob()
        let handler = try ExecHandler(command: "sh -c 'echo no such user >&2; exit 65'")
        let error = await failure { try await handler.run(sample.payload, sample.context) }
        guard let error = error as? JobError, error.kind == .permanent else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(error.text == "exit status 65: no such user")
    }

    @Test("is tried again when a signal ends it")
    func signal() async throws {
        let sample = SampleJob()
        let handler = try ExecHandler(command: "sh -c 'kill -SEGV $$'")
        let error = try #require(
            await failure { try await handler.run(sample.payload, sample.context) } as? any NamedError)
        #expect("\(error)" == "killed by signal 11 (SIGSEGV)")
        #expect(error.errorType == "signal")
    }

    @Test("is tried again when it can't be started, in words")
    func notABinary() async throws {
        let path = "/tmp/spanq-test-\(UUID().uuidString)"
        try Data("neither binary nor script\n".utf8).write(to: URL(fileURLWithPath: path))
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let handler = try ExecHandler(command: path)
        let sample = SampleJob()
        let error = try #require(
            await failure { try await handler.run(sample.payload, sample.context) } as? any NamedError)
        #expect("\(error)".contains("`#!`"))
        try FileManager.default.removeItem(atPath: path)
        let gone = try #require(
            await failure { try await handler.run(sample.payload, sample.context) } as? any NamedError)
        #expect("\(gone)".hasSuffix("is gone"))
        #expect(gone.errorType == "spawn")
    }

    @Test("finds the job in its environment, and of the worker's only what is passed through")
    func environment() async throws {
        setenv("SPANQ_TEST_SECRET", "canary", 1)
        setenv("SPANQ_TEST_PASSED", "here", 1)
        setenv("TRACEPARENT", "the worker's own", 1)
        var configuration = ExecConfiguration()
        configuration.passedEnvironment += ["SPANQ_TEST_PASSED", "TRACEPARENT", "SPANQ_TEST_UNSET", "PATH"]
        let sample = SampleJob()
        try await ExecHandler(command: "env", configuration: configuration).run(sample.payload, sample.context)
        let lines = Set(sample.resultText.split(separator: "\n").map(String.init))
        let expected: Set = [
            "SPANQ_JOB_ID=job-1", "SPANQ_JOB_TYPE=email:welcome", "SPANQ_QUEUE=mail", "SPANQ_ATTEMPT=2",
            "SPANQ_MAX_ATTEMPTS=5", "SPANQ_TOKEN=1234", "TRACEPARENT=\(sample.context.trace.traceParent)",
            "TRACESTATE=vendor=1", "BAGGAGE=who=me", "SPANQ_TEST_PASSED=here",
        ]
        #expect(expected.subtracting(lines).isEmpty)
        let names = lines.map { $0.prefix { $0 != "=" } }
        #expect(names.count == Set(names).count)
        #expect(!sample.resultText.contains("canary"))
        #expect(
            Set(names.map(String.init)).isSubset(
                of: expected.map { String($0.prefix { $0 != "=" }) } + configuration.passedEnvironment))
    }

    @Test("has three descriptors, an empty signal mask, and leads its process group")
    func descriptors() async throws {
        let held = open("/dev/null", O_RDONLY)  // Not closed on exec.
        defer { close(held) }
        let sample = SampleJob("x")
        let script = """
            import os, signal
            print(sorted(int(n) for n in os.listdir("/proc/self/fd")))
            print(os.getpgrp() == os.getpid(), signal.pthread_sigmask(signal.SIG_BLOCK, []))
            """
        try await ExecHandler(command: "python3 -E -c '\(script)'").run(sample.payload, sample.context)
        // The fourth is the one that lists them.
        #expect(sample.resultText == "[0, 1, 2, 3]\nTrue set()\n")
    }

    @Test("dies of SIGPIPE as usual, though the worker's thread blocks it")
    func sigpipe() async throws {
        let sample = SampleJob()
        let handler = try ExecHandler(command: "sh -c 'yes | head -n 1; exit 0'")
        try await handler.run(sample.payload, sample.context)
        #expect(sample.resultText == "y\n")
    }

    @Test("does nothing in a task that is cancelled already")
    func cancelledBefore() async throws {
        let sample = SampleJob()
        let handler = try ExecHandler(command: "sh -c 'echo started'")
        let error = await Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return await failure { try await handler.run(sample.payload, sample.context) }
        }.value
        #expect(error is CancellationError)
        #expect(sample.result == nil)
    }
}
