// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

private import CSpanQueueTLS
import SpanQueueLoop

#if canImport(Darwin)
    private import Darwin
#elseif canImport(Musl)
    private import Musl
#else
    private import Glibc
#endif

/// TLS on a socket.
final class TLSTransport: Transport {
    private let socket: SocketTransport
    private let tls: OpaquePointer
    private let name: String
    private var isConnected = false
    /// Found behind bytes that had to be handed on first.
    private var failure: RedisError?

    /// - Parameters:
    ///   - socket: begins to connect.
    ///   - name: whom the certificate must be for.
    init(_ socket: SocketTransport, name: String, context: TLSContext) throws(RedisError) {
        guard let tls = spanqueue_tls_create(context.context, socket.descriptor, name) else {
            throw RedisError(.tls, "\(name) can't be checked against a certificate")
        }
        self.socket = socket
        self.tls = tls
        self.name = name
    }

    deinit {
        spanqueue_tls_free(tls)
    }

    var descriptor: Int32 { socket.descriptor }

    var hasBufferedInput: Bool { failure != nil || spanqueue_tls_buffered(tls) > 0 }

    var pendingStep: String { isConnected ? "no TLS handshake (does this port speak TLS?)" : socket.pendingStep }

    func finishConnecting() throws(RedisError) -> LoopInterest? {
        if !isConnected {
            if let interest = try socket.finishConnecting() { return interest }
            isConnected = true
        }
        switch spanqueue_tls_handshake(tls) {
        case SPANQUEUE_TLS_DONE: return nil
        case SPANQUEUE_TLS_WANTS_READ: return .read
        case SPANQUEUE_TLS_WANTS_WRITE: return .write
        case SPANQUEUE_TLS_CLOSED:
            throw RedisError(.unreachable, "the server ended the TLS handshake")
        default: throw lastError(during: .handshake)
        }
    }

    /// OpenSSL hands out one record at a time, 16 KiB at most: the buffer is filled from as many as there are.
    func read(into buffer: UnsafeMutableRawBufferPointer) -> TransportResult {
        if let failure { return .closed(failure) }
        var filled = 0
        while filled < buffer.count {
            var count = 0
            let result: TransportResult
            switch spanqueue_tls_read(tls, buffer.baseAddress.map { $0 + filled }, buffer.count - filled, &count) {
            case SPANQUEUE_TLS_DONE:
                filled += count
                continue
            case SPANQUEUE_TLS_WANTS_READ: result = .wants(.read)
            case SPANQUEUE_TLS_WANTS_WRITE: result = .wants(.write)
            case SPANQUEUE_TLS_CLOSED: result = .closed(RedisError(.connectionLost, "Redis closed the connection"))
            default: result = .closed(lastError(during: .use))
            }
            guard filled > 0 else { return result }
            if case .closed(let error) = result { failure = error }
            break
        }
        return .moved(filled)
    }

    func write(_ buffer: UnsafeRawBufferPointer) -> TransportResult {
        var count = 0
        switch spanqueue_tls_write(tls, buffer.baseAddress, buffer.count, &count) {
        case SPANQUEUE_TLS_DONE: return .moved(count)
        case SPANQUEUE_TLS_WANTS_READ: return .wants(.read)
        case SPANQUEUE_TLS_WANTS_WRITE: return .wants(.write)
        case SPANQUEUE_TLS_CLOSED: return .closed(RedisError(.connectionLost, "Redis closed the connection"))
        default: return .closed(lastError(during: .use))
        }
    }

    func close() {
        spanqueue_tls_say_goodbye(tls)
        socket.close()
    }

    private enum Stage {
        case handshake, use
    }

    private func lastError(during stage: Stage) -> RedisError {
        let lost: RedisError.Code = stage == .handshake ? .unreachable : .connectionLost
        return switch spanqueue_tls_last_failure(tls) {
        case SPANQUEUE_TLS_SYSTEM:
            RedisError(lost, String(cString: strerror(spanqueue_tls_system_error(tls))))
        case SPANQUEUE_TLS_CUT_OFF:
            RedisError(
                lost, stage == .handshake ? "the server ended the TLS handshake" : "Redis closed the connection")
        case SPANQUEUE_TLS_NOT_TLS:
            RedisError(.tls, "the server does not speak TLS on this port: use its TLS port, or redis:// without TLS")
        case SPANQUEUE_TLS_OLD_VERSION:
            RedisError(.tls, "the server does not speak TLS 1.2 or later: allow it there (tls-protocols)")
        case SPANQUEUE_TLS_UNKNOWN_CA:
            RedisError(
                .tls,
                "the server's certificate is from an authority that is not trusted here: name the file of its authority (\(text))"
            )
        case SPANQUEUE_TLS_WRONG_NAME:
            RedisError(
                .tls, "the server's certificate is not for \(name): use a name that it is for, or set the server name")
        case SPANQUEUE_TLS_EXPIRED:
            RedisError(.tls, "the server's certificate has expired, or this machine's clock is wrong")
        case SPANQUEUE_TLS_NOT_YET_VALID:
            RedisError(.tls, "the server's certificate is not valid yet, or this machine's clock is wrong")
        case SPANQUEUE_TLS_INVALID_CERTIFICATE:
            RedisError(.tls, "the server's certificate does not hold: \(text)")
        case SPANQUEUE_TLS_CERTIFICATE_WANTED:
            RedisError(.tls, "the server asks for a client certificate: set a certificate and its key (\(text))")
        case SPANQUEUE_TLS_CERTIFICATE_REFUSED:
            RedisError(.tls, "the server does not accept our client certificate: \(text)")
        default:
            RedisError(lost, "TLS failed: \(text)")
        }
    }

    private var text: String { String(cString: spanqueue_tls_text(tls)) }
}
