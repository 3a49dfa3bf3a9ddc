// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import CSpanQueuePostgres
import Foundation

/// A connection as an application's own driver has one: libpq, with parameters of no declared type.
final class PlainConnection {
    private let pointer: OpaquePointer

    struct Failure: Error {
        let text: String
    }

    init(_ url: String) throws {
        guard let pointer = PQconnectdb(url) else { throw Failure(text: "no memory") }
        self.pointer = pointer
        guard PQstatus(pointer) == CONNECTION_OK else { throw Failure(text: String(cString: PQerrorMessage(pointer))) }
    }

    deinit { PQfinish(pointer) }

    /// The first field of the first row.
    @discardableResult
    func run(_ text: String, _ parameters: [String] = []) throws -> String? {
        let values = parameters.map { strdup($0) }
        defer { for value in values { free(value) } }
        let result = PQexecParams(
            pointer, text, Int32(values.count), nil, values.map { UnsafePointer($0) }, nil, nil, 0)
        defer { PQclear(result) }
        guard PQresultStatus(result) == PGRES_TUPLES_OK || PQresultStatus(result) == PGRES_COMMAND_OK else {
            throw Failure(text: String(cString: PQresultErrorMessage(result)))
        }
        guard PQntuples(result) > 0 else { return nil }
        return String(cString: PQgetvalue(result, 0, 0))
    }
}
