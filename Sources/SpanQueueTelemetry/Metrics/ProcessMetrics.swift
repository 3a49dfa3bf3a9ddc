// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

#if canImport(Darwin)
    internal import Darwin
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Glibc
#endif

/// The metrics of the process itself, under the names that every Prometheus client library gives them, and what was
/// built.
///
/// They are read at scrape: processor time and limits from the system, the rest from /proc/self, which only Linux has. What cannot
/// be read is left out.
package enum ProcessMetrics {

    /// Adds `spanq_build_info{version="…",swift="…"} 1`.
    package static func registerBuildInfo(version: String, in registry: MetricsRegistry) throws(MetricsError) {
        let info = try registry.info(
            "spanq_build_info", help: "The version of SpanQueue and the Swift that compiled it.",
            labels: ["version", "swift"])
        _ = info.child(version, swiftVersion)
    }

    /// The version of the compiler, as far as a program can know it.
    static var swiftVersion: String {
        #if compiler(>=6.4)
            "6.4+"
        #elseif compiler(>=6.3)
            "6.3"
        #elseif compiler(>=6.2)
            "6.2"
        #else
            "6"
        #endif
    }

    fileprivate static func read(into metrics: inout CollectedMetrics) throws(MetricsError) {
        try metrics.counter(
            "process_cpu_seconds_total", help: "Total user and system CPU time spent in seconds.", unit: "seconds",
            value: cpuSeconds)
        try gauge("process_max_fds", "Maximum number of open file descriptors.", "", maximumDescriptors, &metrics)
        try gauge("process_open_fds", "Number of open file descriptors.", "", ProcFile.openDescriptors(), &metrics)
        let memory = ProcFile.memoryBytes()
        try gauge(
            "process_virtual_memory_bytes", "Virtual memory size in bytes.", "bytes", memory?.virtual, &metrics)
        try gauge(
            "process_resident_memory_bytes", "Resident memory size in bytes.", "bytes", memory?.resident, &metrics)
        try gauge(
            "process_start_time_seconds", "Start time of the process since unix epoch in seconds.", "seconds",
            ProcessStart.seconds, &metrics)
    }

    private static func gauge(
        _ name: String, _ help: String, _ unit: String, _ value: Double?, _ metrics: inout CollectedMetrics
    ) throws(MetricsError) {
        guard let value else { return }
        try metrics.gauge(name, help: help, unit: unit, value: value)
    }

    private static var cpuSeconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private static var maximumDescriptors: Double? {
        var limit = rlimit()
        #if canImport(Glibc)
            let result = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        #else
            let result = getrlimit(RLIMIT_NOFILE, &limit)
        #endif
        return result == 0 ? Double(limit.rlim_cur) : nil
    }
}

extension MetricsRegistry {
    /// Adds the metrics of the process itself, once for a registry: `process_cpu_seconds_total`, `process_resident_memory_bytes` and the
    /// others that every Prometheus client has.
    ///
    /// - Throws: `MetricsError` where the registry has them already.
    public func registerProcessMetrics() throws(MetricsError) {
        try add(MetricsCollector(name: "process") { try ProcessMetrics.read(into: &$0) })
    }
}

/// What Linux tells of this process in /proc; each is nil where there is no such thing. See proc(5).
enum ProcFile {
    /// Virtual and resident memory.
    static func memoryBytes() -> (virtual: Double, resident: Double)? {
        let pages = text(of: "/proc/self/statm").split(separator: " ").prefix(2).compactMap { Double($0) }
        guard pages.count == 2 else { return nil }
        let pageBytes = Double(sysconf(Int32(_SC_PAGESIZE)))
        return (pages[0] * pageBytes, pages[1] * pageBytes)
    }

    /// How many descriptors are open, without the one this takes to count.
    static func openDescriptors() -> Double? {
        guard let directory = opendir("/proc/self/fd") else { return nil }
        defer { closedir(directory) }
        var count = 0
        while let entry = readdir(directory) {
            // "." and ".." are no descriptors; the names of all others are numbers.
            if entry.pointee.d_name.0 != CChar(UInt8(ascii: ".")) { count += 1 }
        }
        return Double(count - 1)
    }

    /// When the process started, in seconds since the Unix epoch: the machine's boot plus field 22 of stat, in ticks.
    static func startSeconds() -> Double? {
        let boot = text(of: "/proc/stat").split(separator: "\n").first { $0.hasPrefix("btime ") }
        // The program's name is field 2, in parentheses, and may hold spaces and parentheses itself.
        let rest = text(of: "/proc/self/stat").split(separator: ")").last?.split(separator: " ")
        guard let boot, let bootSeconds = Double(boot.dropFirst(6)), let rest, rest.count > 19,
            let ticks = Double(rest[19])
        else { return nil }
        return bootSeconds + ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// The whole file, empty where it cannot be read.
    private static func text(of path: String) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4_096)
        while true {
            let count = chunk.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { break }
            bytes.append(contentsOf: chunk[..<count])
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// When this process began.
enum ProcessStart {
    /// In seconds since the Unix epoch, as the system tells it; nil where it does not.
    static let seconds = ProcFile.startSeconds()

    /// In nanoseconds since the Unix epoch; where the system does not tell, when it was first asked for. Never after that: the
    /// system counts in whole ticks, and its clock may have been set.
    static let unixNanoseconds: UInt64 = {
        let now = SystemClock.now()
        return seconds.map { min(now, UInt64(max(0, $0) * 1e9)) } ?? now
    }()
}
