// Where the compiler finds `timeval`: the first module that includes its header.
import CSpanQueueHiredis
import Foundation

/// What this process has used so far.
struct ProcessLoad {
    var cpuSeconds: Double
    var peakMemoryMiB: Double
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
            allocations: AllocationCount.now)
    }

    /// What was used from `start` to `end`; the peak is that of the end.
    static func - (end: ProcessLoad, start: ProcessLoad) -> ProcessLoad {
        var allocations: Int?
        if let before = start.allocations, let after = end.allocations { allocations = after - before }
        return ProcessLoad(
            cpuSeconds: end.cpuSeconds - start.cpuSeconds, peakMemoryMiB: end.peakMemoryMiB, allocations: allocations)
    }
}
