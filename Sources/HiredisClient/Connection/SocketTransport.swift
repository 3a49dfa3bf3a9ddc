// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

private import CSpanQueueHiredis
import SpanQueueLoop

#if canImport(Darwin)
    private import Darwin
#elseif canImport(Musl)
    private import Musl
#else
    private import Glibc
#endif

/// A TCP or Unix socket. hiredis opens it; after that the descriptor is ours, because hiredis' own write raises SIGPIPE
/// and its read copies through 16 KiB of stack.
final class SocketTransport: Transport {
    let descriptor: Int32

    /// Begins to connect to a numeric address.
    convenience init(address: String, port: UInt16) throws(RedisError) {
        try self.init(redisConnectNonBlock(address, Int32(port)))
        setOption(Int32(IPPROTO_TCP), TCP_NODELAY)
        // A peer that vanished without a word is noticed by the deadlines of commands; this is for idle connections.
        setOption(SOL_SOCKET, SO_KEEPALIVE)
    }

    /// Begins to connect to a Unix socket.
    convenience init(path: String) throws(RedisError) {
        try self.init(redisConnectUnixNonBlock(path))
    }

    private init(_ context: UnsafeMutablePointer<redisContext>?) throws(RedisError) {
        guard let context else { throw RedisError(.unreachable, "no memory for a connection") }
        guard context.pointee.err == 0 else {
            let reason = String(cString: spanqueue_context_error(context))
            redisFree(context)
            throw RedisError(.unreachable, reason)
        }
        descriptor = redisFreeKeepFd(context)
        // Programs that workers start must not inherit it.
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        #if canImport(Darwin)
            setOption(SOL_SOCKET, SO_NOSIGPIPE)
        #endif
    }

    func finishConnecting() throws(RedisError) -> LoopInterest? {
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length) == 0, code == 0 else {
            throw RedisError(.unreachable, Self.text(of: code == 0 ? errno : code))
        }
        return nil
    }

    /// All that there is lies in the socket.
    var hasBufferedInput: Bool { false }

    var pendingStep: String { "no connection" }

    func read(into buffer: UnsafeMutableRawBufferPointer) -> TransportResult {
        while true {
            let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
            if count > 0 { return .moved(count) }
            if count == 0 { return .closed(RedisError(.connectionLost, "Redis closed the connection")) }
            if errno != EINTR { return Self.failure(errno, .read) }
        }
    }

    func write(_ buffer: UnsafeRawBufferPointer) -> TransportResult {
        #if canImport(Darwin)
            let flags: Int32 = 0
        #else
            let flags = Int32(MSG_NOSIGNAL)
        #endif
        while true {
            let count = send(descriptor, buffer.baseAddress, buffer.count, flags)
            if count >= 0 { return .moved(count) }
            if errno != EINTR { return Self.failure(errno, .write) }
        }
    }

    func close() {
        closeDescriptor(descriptor)
    }

    private func setOption(_ level: Int32, _ option: Int32) {
        var on: Int32 = 1
        _ = setsockopt(descriptor, level, option, &on, socklen_t(MemoryLayout<Int32>.size))
    }

    private static func failure(_ code: Int32, _ interest: LoopInterest) -> TransportResult {
        code == EAGAIN || code == EWOULDBLOCK
            ? .wants(interest) : .closed(RedisError(.connectionLost, text(of: code)))
    }

    private static func text(of code: Int32) -> String {
        String(cString: strerror(code))
    }
}

/// Whether there is something to read, or the connection has ended.
func waitUntilReadable(_ descriptor: Int32, milliseconds: Int32) -> Bool {
    var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&polled, 1, milliseconds) > 0
}

/// The system's `close`, out of reach inside a type that has one of its own.
private func closeDescriptor(_ descriptor: Int32) {
    close(descriptor)
}
