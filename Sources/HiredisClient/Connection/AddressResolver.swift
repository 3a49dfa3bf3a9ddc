// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

private import CSpanQueueHiredis
private import SpanQueueLoop

#if canImport(Darwin)
    private import Darwin
#elseif canImport(Musl)
    private import Musl
#else
    private import Glibc
#endif

/// Looks names up without blocking the loop: `getaddrinfo` can take half a minute.
enum AddressResolver {
    /// Numeric addresses, in the order in which the system prefers them. `completion` is called on some other thread: one of its own, as
    /// Dispatch's are those of Swift's tasks, and where handlers block them all a lease that is to be extended would wait for them.
    static func resolve(host: String, completion: @escaping @Sendable (Result<[String], RedisError>) -> Void) {
        let result = DetachedThread.start(named: "spanq-resolve") { completion(lookUp(host)) }
        if result != 0 {
            let reason = "cannot resolve the host name: no thread can be started (error \(result), see `ulimit -u`)"
            completion(.failure(RedisError(.unreachable, reason)))
        }
    }

    private static func lookUp(_ host: String) -> Result<[String], RedisError> {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        #if canImport(Glibc)
            hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        #else
            hints.ai_socktype = SOCK_STREAM
        #endif
        var list: UnsafeMutablePointer<addrinfo>?
        let result = getaddrinfo(host, nil, &hints, &list)
        defer { if let list { freeaddrinfo(list) } }
        guard result == 0 else {
            let reason = String(cString: gai_strerror(result))
            return .failure(RedisError(.unreachable, "cannot resolve the host name: \(reason)"))
        }
        var addresses: [String] = []
        var next = list
        while let entry = next?.pointee {
            next = entry.ai_next
            var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            let length = socklen_t(text.count)
            guard getnameinfo(entry.ai_addr, entry.ai_addrlen, &text, length, nil, 0, NI_NUMERICHOST) == 0 else {
                continue
            }
            let address = String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            if !addresses.contains(address) { addresses.append(address) }
        }
        guard !addresses.isEmpty else { return .failure(RedisError(.unreachable, "the host has no address")) }
        return .success(addresses)
    }
}
