// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

#if canImport(Glibc)
    import Foundation
    import RedisServerFixture
    import Testing

    /// Allocations of the built `spanq bench`, counted by a library that is loaded before libc and wraps `malloc`.
    ///
    /// Unoptimised code allocates more than a release does, so these are other limits than those of `Scripts/bench --check`;
    /// they are there to catch what adds allocations to each job. Where a count has fallen, lower its limit.
    @Suite("What a job allocates", .serialized)
    struct AllocationCostTests {
        /// of three runs the enqueue took 28.6 to 28.7, and the drain 86.1 to 88.1: batches differ a little.
        @Test("an enqueue in bulk and a drain allocate no more a job than they did")
        func limits() async throws {
            let server = try await RedisServer.start()
            defer { server.stop() }
            let library = try Self.counter(in: server.directory)
            let enqueue = try Self.allocations("enqueue-bulk", library, server.url)
            let drain = try Self.allocations("drain", library, server.url)
            #expect(enqueue > 5 && enqueue <= 30, "\(enqueue) allocations for each job enqueued in bulk")
            #expect(drain > 5 && drain <= 93, "\(drain) allocations for each job drained")
        }

        /// OpenSSL reads and writes records: what it allocates for one, each command would pay twice. On a busy machine replies come too
        /// late for the caller's thread, and go another way, over TLS more often: so this is for a quiet one.
        @Test(
            "a lone enqueue over TLS allocates no more than one without",
            .enabled(
                if: ProcessInfo.processInfo.environment["SPANQ_TEST_FIGURES"] == "1", "a figure of a quiet machine"))
        func encrypted() async throws {
            let port = try freePort()
            let server = try await TLSServer.start(["--port", "\(port)"])
            defer { server.stop() }
            let library = try Self.counter(in: server.server.directory)
            let trust = ["SPANQ_REDIS_TLS_CA": server.authority.certificate]
            var (plain, secure) = (Double.infinity, Double.infinity)
            for _ in 0..<5 where !(secure - plain < 0.5) {
                plain = min(plain, try Self.allocationsOfOneMore(library, "redis://localhost:\(port)"))
                secure = min(secure, try Self.allocationsOfOneMore(library, server.url, trust))
            }
            print("figure: a lone enqueue makes \(plain) allocations, by TLS \(secure)")
            #expect(plain > 5, "\(plain) allocations for a lone enqueue")
            #expect(secure - plain < 0.5, "\(plain) allocations for a lone enqueue, \(secure) over TLS")
        }

        /// For each of the jobs that a longer run has beyond a shorter one: what connecting takes is in both.
        private static func allocationsOfOneMore(
            _ library: String, _ url: String, _ environment: [String: String] = [:]
        ) throws -> Double {
            let short = 2000
            let (one, two) = (
                try allocations("enqueue-one", library, url, jobs: short, environment),
                try allocations("enqueue-one", library, url, jobs: 2 * short, environment)
            )
            return 2 * two - one
        }

        /// Builds the library.
        private static func counter(in directory: String) throws -> String {
            let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent()
            let sources = package.appendingPathComponent("Benchmarks/Telemetry/Sources/CAllocationCount").path
            let library = directory + "/allocations.so"
            _ = try output(
                of: "/usr/bin/env",
                [
                    "sh", "-c",
                    "exec \"$(dirname \"$(readlink -f \"$(command -v swift)\")\")/clang\" -O2 -shared -fPIC \"$@\"",
                    "sh",
                    "-I", sources + "/include", "-o", library, sources + "/allocation_count.c",
                ])
            return library
        }

        /// For each job.
        private static func allocations(
            _ benchmark: String, _ library: String, _ url: String, jobs: Int = 5000,
            _ environment: [String: String] = [:]
        ) throws -> Double {
            let spanq = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
                .deletingLastPathComponent().appendingPathComponent("spanq")
            let text = try output(
                of: spanq.path, ["bench", "--json", "--redis", url, "--only", benchmark, "--jobs", "\(jobs)"],
                environment: environment.merging(["LD_PRELOAD": library]) { $1 })
            let figures = try #require(try JSONSerialization.jsonObject(with: text) as? [String: Any])
            return try #require(figures["allocations"] as? Double)
        }

        private static func output(
            of program: String, _ arguments: [String], environment: [String: String] = [:]
        ) throws -> Data {
            let process = Process()
            let pipe = Pipe()
            process.executableURL = URL(fileURLWithPath: program)
            process.arguments = arguments
            process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
            process.standardOutput = pipe
            try process.run()
            let output = pipe.fileHandleForReading.readDataToEndOfFile()
            process.waitUntilExit()
            try #require(process.terminationStatus == 0, "\(program) \(arguments) failed")
            return output
        }
    }
#endif
