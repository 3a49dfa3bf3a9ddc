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
            let enqueue = try Self.allocations("enqueue-bulk", library, server)
            let drain = try Self.allocations("drain", library, server)
            #expect(enqueue > 5 && enqueue <= 30, "\(enqueue) allocations for each job enqueued in bulk")
            #expect(drain > 5 && drain <= 93, "\(drain) allocations for each job drained")
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

        private static func allocations(_ benchmark: String, _ library: String, _ server: RedisServer) throws -> Double
        {
            let spanq = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
                .deletingLastPathComponent().appendingPathComponent("spanq")
            let text = try output(
                of: spanq.path, ["bench", "--json", "--redis", server.url, "--only", benchmark, "--jobs", "5000"],
                environment: ["LD_PRELOAD": library])
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
