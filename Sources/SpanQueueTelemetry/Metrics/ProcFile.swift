#if canImport(Darwin)
    internal import Darwin
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Glibc
#endif

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
