#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Wakes a thread that sleeps in `poll`. A pipe and not an eventfd, because every platform has it and only a sleeping
/// thread is ever woken, so its cost is not on the path of a busy loop.
struct WakePipe: ~Copyable {
    let readEnd: Int32
    private let writeEnd: Int32

    init() {
        var ends: (Int32, Int32) = (-1, -1)
        let result = withUnsafeMutableBytes(of: &ends) { pipe($0.assumingMemoryBound(to: Int32.self).baseAddress) }
        // Only a process out of descriptors or memory comes here, and a thread that cannot be woken is of no use to it.
        precondition(result == 0, "cannot make a pipe: out of file descriptors (see `ulimit -n`)")
        (readEnd, writeEnd) = ends
        for end in [readEnd, writeEnd] {
            _ = fcntl(end, F_SETFL, fcntl(end, F_GETFL) | O_NONBLOCK)
            // Programs that workers start must not inherit it.
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
    }

    /// A full pipe is as good as a written one: the reader will wake up.
    borrowing func wake() {
        var byte: UInt8 = 0
        _ = write(writeEnd, &byte, 1)
    }

    borrowing func drain() {
        withUnsafeTemporaryAllocation(byteCount: 64, alignment: 1) { buffer in
            while read(readEnd, buffer.baseAddress, buffer.count) == buffer.count {}
        }
    }

    deinit {
        close(readEnd)
        close(writeEnd)
    }
}
