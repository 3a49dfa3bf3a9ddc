// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// A thread of its own for what must not wait for the threads that Swift's tasks and Dispatch share: handlers of jobs may block them all.
package enum DetachedThread {
    private final class Body {
        let name: String
        let run: @Sendable () -> Void

        init(_ name: String, _ run: @escaping @Sendable () -> Void) {
            self.name = name
            self.run = run
        }
    }

    /// Runs `body` on a new thread, which ends with it.
    ///
    /// - Parameter name: for `top -H` and debuggers; Linux shows the first 15 bytes.
    /// - Returns: 0, or the error number where the system has no thread left, and `body` does not run.
    package static func start(named name: String, _ body: @escaping @Sendable () -> Void) -> Int32 {
        let context = Unmanaged.passRetained(Body(name, body))
        #if canImport(Darwin)
            var thread: pthread_t?
            let result = pthread_create(&thread, nil, { DetachedThread.main($0) }, context.toOpaque())
            guard result == 0, let thread else {
                context.release()
                return result
            }
        #else
            var thread = pthread_t()
            // The context comes back as it was passed: not nil.
            let result = pthread_create(
                &thread, nil, { context in context.flatMap { DetachedThread.main($0) } }, context.toOpaque())
            guard result == 0 else {
                context.release()
                return result
            }
        #endif
        pthread_detach(thread)
        return 0
    }

    private static func main(_ context: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
        let body = Unmanaged<Body>.fromOpaque(context).takeRetainedValue()
        setName(body.name)
        body.run()
        return nil
    }

    /// Nothing depends on it. Linux has `pthread_setname_np` too, but Swift does not see it.
    private static func setName(_ name: String) {
        #if canImport(Darwin)
            pthread_setname_np(name)
        #else
            let file = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
            guard file >= 0 else { return }
            defer { close(file) }
            _ = name.utf8.prefix(15).withContiguousStorageIfAvailable { write(file, $0.baseAddress, $0.count) }
        #endif
    }
}
