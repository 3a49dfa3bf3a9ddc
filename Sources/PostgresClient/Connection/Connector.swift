// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

private import CSpanQueuePostgres
private import SpanQueueLoop

#if canImport(Darwin)
    private import Darwin
#elseif canImport(Musl)
    private import Musl
#else
    private import Glibc
#endif

/// A connection of libpq's, in nobody's hands.
///
/// `@unchecked Sendable`: libpq lets any thread use a connection, one at a time. It is handed over, from the thread that made it to the
/// loop, and the former does not keep it.
struct FreshConnection: @unchecked Sendable {
    let pointer: OpaquePointer
}

/// Makes connections on threads of their own. To connect is to look names up, to try hosts one after the other, to read certificates,
/// password and service files, and to ask each server whether it takes writes: libpq does all of that well, and blocks.
enum Connector {
    /// - Parameter completion: called on that thread, once.
    static func connect(
        _ url: PostgresURL, timeout: Duration,
        completion: @escaping @Sendable (Result<FreshConnection, PostgresError>) -> Void
    ) {
        let result = DetachedThread.start(named: "spanq-connect") { completion(connect(url, timeout: timeout)) }
        if result != 0 {
            let reason = "no thread can be started to connect (error \(result), see `ulimit -u`)"
            completion(.failure(PostgresError(.unreachable, reason)))
        }
    }

    /// Connects on this thread, and blocks it.
    static func connect(_ url: PostgresURL, timeout: Duration) -> Result<FreshConnection, PostgresError> {
        // What comes before the URL gives way to what is in it, and what comes behind it goes before that.
        var keywords: [String] = []
        var values: [String] = []
        func add(_ keyword: String, _ value: String) {
            keywords.append(keyword)
            values.append(value)
        }
        // For each address; libpq takes whole seconds, and at least two.
        if getenv("PGCONNECT_TIMEOUT") == nil {
            add(
                "connect_timeout",
                "\(max(2, (timeout.components.seconds) + (timeout.components.attoseconds > 0 ? 1 : 0)))")
        }
        if getenv("PGTARGETSESSIONATTRS") == nil { add("target_session_attrs", "read-write") }
        add("dbname", url.text)
        add("fallback_application_name", "spanq")
        add("client_encoding", "UTF8")
        let connection = withCStrings(keywords) { keywords in
            withCStrings(values) { values in PQconnectdbParams(keywords, values, 1) }
        }
        guard let connection else { return .failure(PostgresError(.unreachable, "no memory for a connection")) }
        guard PQstatus(connection) == CONNECTION_OK else {
            defer { PQfinish(connection) }
            return .failure(PostgresError(connecting: String(cString: PQerrorMessage(connection))))
        }
        let version = PQserverVersion(connection)
        guard version >= 140_000 else {
            defer { PQfinish(connection) }
            return .failure(
                PostgresError(
                    .unsupported, "this is Postgres \(version / 10_000): SpanQueue needs Postgres 14 or later"))
        }
        spanqueue_ignore_notices(connection)
        return .success(FreshConnection(pointer: connection))
    }

    /// C strings and a null pointer behind them.
    private static func withCStrings<Result>(
        _ strings: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>?) -> Result
    ) -> Result {
        let copies = strings.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        return (copies.map { UnsafePointer($0) } + [nil]).withUnsafeBufferPointer { body($0.baseAddress) }
    }
}
