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
public enum ProcessMetrics {
    /// Adds the collector of `process_*`.
    public static func register(in registry: MetricsRegistry) throws(MetricsError) {
        try registry.add(MetricsCollector(name: "process") { try read(into: &$0) })
    }

    /// Adds `spanq_build_info{version="…",swift="…"} 1`.
    public static func registerBuildInfo(version: String, in registry: MetricsRegistry) throws(MetricsError) {
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

    private static func read(into metrics: inout CollectedMetrics) throws(MetricsError) {
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
