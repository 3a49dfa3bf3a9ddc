#if canImport(Darwin)
    internal import Darwin
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Glibc
#endif

/// A value and the pthread mutex that guards it, in one allocation: there is one in each recorded span. The thread sanitizer
/// understands a pthread mutex; `Synchronization.Mutex` it does not, on Linux.
///
/// `@unchecked Sendable`: `storage` is set once, and the value in it is reached only with the mutex held.
struct TelemetryLock<Value>: @unchecked Sendable {
    private final class Storage: ManagedBuffer<Value, pthread_mutex_t> {
        deinit {
            _ = withUnsafeMutablePointerToElements { pthread_mutex_destroy($0) }
        }
    }

    private let storage: ManagedBuffer<Value, pthread_mutex_t>

    init(_ initial: sending Value) {
        storage = Storage.create(minimumCapacity: 1) { buffer in
            _ = buffer.withUnsafeMutablePointerToElements { pthread_mutex_init($0, nil) }
            return initial
        }
    }

    @inline(__always)
    func withLock<Result>(_ body: (inout Value) -> Result) -> Result {
        storage.withUnsafeMutablePointers { value, mutex in
            pthread_mutex_lock(mutex)
            defer { pthread_mutex_unlock(mutex) }
            return body(&value.pointee)
        }
    }
}
