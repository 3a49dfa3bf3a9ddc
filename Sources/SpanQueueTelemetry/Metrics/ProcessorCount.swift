#if canImport(Darwin)
    internal import Darwin
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Glibc
#endif

/// How many processors this machine has running.
enum ProcessorCount {
    static var online: Int { sysconf(Int32(_SC_NPROCESSORS_ONLN)) }
}
