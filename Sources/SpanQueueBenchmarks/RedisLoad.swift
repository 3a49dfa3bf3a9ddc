// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

// Where the compiler finds `timeval`: the first module that includes its header.
import CSpanQueueHiredis
import Foundation
import HiredisClient

/// What Redis has done so far, by its own account (`INFO`).
struct RedisLoad {
    /// Of the thread that runs commands; nil where the server does not tell.
    var cpuSeconds: Double?
    /// Commands that clients sent, without those that scripts call and those of the measuring itself.
    var commands: Int
    /// Bytes that came in and went out.
    var bytes: Int
    /// Bytes of memory in use.
    var memory: Int
    /// Objects that were removed, and whose memory is still to be freed.
    var pendingFrees = 0

    /// Redis counts what scripts call together with what clients send, so what only clients send is named here: calls of
    /// scripts, waits for work, what workers announce, and the floor's.
    private static let sentByClients = [
        "evalsha", "eval", "blpop", "ping", "pexpire", "script|load", "xadd", "xreadgroup",
        "xack", "xdel",
    ]

    init(_ client: RedisClient) async throws {
        var values: [String: Substring] = [:]
        // One section at a time, which every server takes.
        for section in ["cpu", "stats", "memory", "commandstats"] {
            let text = try await client.send(RESPCommand("INFO", section), idempotent: true).string()
            for line in text.split(whereSeparator: \.isNewline) {
                guard let colon = line.firstIndex(of: ":") else { continue }
                values[String(line[..<colon])] = line[line.index(after: colon)...]
            }
        }
        func integer(_ name: String) -> Int { values[name].flatMap { Int($0) } ?? 0 }
        if let user = values["used_cpu_user_main_thread"].flatMap({ Double($0) }),
            let system = values["used_cpu_sys_main_thread"].flatMap({ Double($0) })
        {
            cpuSeconds = user + system
        }
        bytes = integer("total_net_input_bytes") + integer("total_net_output_bytes")
        memory = integer("used_memory")
        pendingFrees = integer("lazyfree_pending_objects")
        // Such as `cmdstat_evalsha:calls=12,usec=345,…`.
        commands = Self.sentByClients.reduce(0) { sum, name in
            let calls = values["cmdstat_\(name)"]?.prefix { $0 != "," }.split(separator: "=").last
            return sum + (calls.flatMap { Int($0) } ?? 0)
        }
    }

    var load: ServerLoad { ServerLoad(cpuSeconds: cpuSeconds, commands: commands, bytes: bytes, memory: memory) }
}

/// What this process has used so far.
struct ProcessLoad {
    var cpuSeconds: Double
    var peakMemoryMiB: Double
    /// How often a thread went to sleep and was woken.
    var sleeps: Int
    /// Nil where nobody counts them.
    var allocations: Int?

    static var now: ProcessLoad {
        var usage = rusage()
        #if canImport(Glibc)
            getrusage(Int32(RUSAGE_SELF.rawValue), &usage)
            let unit = 1024.0
        #else
            getrusage(RUSAGE_SELF, &usage)
            let unit = 1_048_576.0
        #endif
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1_000_000 }
        return ProcessLoad(
            cpuSeconds: seconds(usage.ru_utime) + seconds(usage.ru_stime),
            peakMemoryMiB: Double(usage.ru_maxrss) / unit,
            sleeps: usage.ru_nvcsw,
            allocations: AllocationCount.now)
    }

    /// What was used from `start` to `end`; the peak is that of the end.
    static func - (end: ProcessLoad, start: ProcessLoad) -> ProcessLoad {
        var allocations: Int?
        if let before = start.allocations, let after = end.allocations { allocations = after - before }
        return ProcessLoad(
            cpuSeconds: end.cpuSeconds - start.cpuSeconds, peakMemoryMiB: end.peakMemoryMiB,
            sleeps: end.sleeps - start.sleeps, allocations: allocations)
    }
}

/// How often this process has allocated memory, where a library was loaded before it that counts: see `Benchmarks/README.md`.
enum AllocationCount {
    private static let function: (@convention(c) () -> Int)? = {
        guard let symbol = dlsym(dlopen(nil, RTLD_NOW), "spanqueue_process_allocation_count") else { return nil }
        return unsafeBitCast(symbol, to: (@convention(c) () -> Int).self)
    }()

    static var now: Int? { function?() }
}
