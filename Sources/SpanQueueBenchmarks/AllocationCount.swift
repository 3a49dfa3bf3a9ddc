import Foundation

/// How often this process has allocated memory, where a library was loaded before it that counts: see `Benchmarks/README.md`.
enum AllocationCount {
    private static let function: (@convention(c) () -> Int)? = {
        guard let symbol = dlsym(dlopen(nil, RTLD_NOW), "spanqueue_process_allocation_count") else { return nil }
        return unsafeBitCast(symbol, to: (@convention(c) () -> Int).self)
    }()

    static var now: Int? { function?() }
}
