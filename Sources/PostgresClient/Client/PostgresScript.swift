// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

private import CSpanQueuePostgres
private import SpanQueueLoop

/// Statements that are run as one text, on a connection of their own: migrations.
package enum PostgresScript {
    /// Runs a text of statements as one transaction, and gives the first field of the last row as text; nil where there is none.
    ///
    /// On a thread of its own, which it blocks: it is for tools and tests. A cancelled task waits for it.
    package static func run(
        _ text: String, on url: PostgresURL, connectTimeout: Duration = .seconds(5)
    ) async throws -> String? {
        try await withUnsafeThrowingContinuation { continuation in
            let result = DetachedThread.start(named: "spanq-script") {
                continuation.resume(with: Result { try run(text, url, connectTimeout) })
            }
            if result != 0 {
                continuation.resume(throwing: PostgresError(.unreachable, "no thread can be started (error \(result))"))
            }
        }
    }

    private static func run(
        _ text: String, _ url: PostgresURL, _ connectTimeout: Duration
    ) throws(PostgresError) -> String? {
        let connection = try Connector.connect(url, timeout: connectTimeout).get().pointer
        defer { PQfinish(connection) }
        // One simple query is one transaction, whatever it begins with.
        guard let result = PQexec(connection, text) else {
            throw PostgresError(.connectionLost, String(cString: PQerrorMessage(connection)), mayHaveRun: true)
        }
        defer { PQclear(result) }
        switch PQresultStatus(result) {
        case PGRES_COMMAND_OK, PGRES_EMPTY_QUERY: return nil
        case PGRES_TUPLES_OK:
            guard PQntuples(result) > 0, PQnfields(result) > 0, PQgetisnull(result, 0, 0) == 0 else { return nil }
            return String(cString: PQgetvalue(result, 0, 0))
        default:
            guard let state = spanqueue_sqlstate(result) else {
                throw PostgresError(.connectionLost, String(cString: PQresultErrorMessage(result)), mayHaveRun: true)
            }
            let words = spanqueue_primary_message(result).map { String(cString: $0) } ?? ""
            throw PostgresError(sqlState: String(cString: state), text: words)
        }
    }
}
