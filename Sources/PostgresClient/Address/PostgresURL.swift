// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

private import CSpanQueuePostgres

/// Where a Postgres is, and as whom and how to talk to it: a `postgres://` URL or a list of `keyword=value`, as libpq reads them. What
/// it leaves out comes from a service file (`service=`), the `PG…` variables, a password file, and libpq's own defaults.
package struct PostgresURL: Sendable, Hashable {
    package let text: String
    /// The parts that are in it, by libpq's keyword.
    private let parts: [String: String]

    /// Reads it, or says in one line what is wrong. The text itself is in no error: any part of it may be the password.
    package init(_ text: String) throws(PostgresError) {
        guard !text.isEmpty else { throw PostgresError(.unsupported, Self.remedy) }
        var message: UnsafeMutablePointer<CChar>?
        guard let options = PQconninfoParse(text, &message) else {
            PQfreemem(message)
            throw PostgresError(.unsupported, Self.remedy)
        }
        defer { PQconninfoFree(options) }
        var parts: [String: String] = [:]
        var option = options
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val { parts[String(cString: keyword)] = String(cString: value) }
            option += 1
        }
        self.text = text
        self.parts = parts
    }

    private static let remedy =
        "not a Postgres URL: write postgres://user@host:5432/database, or postgresql:///database?host=/run/postgresql "
        + "for a Unix socket (and percent-encode '/', ':', '?', '#', '%' and '@' in a password)"

    /// The value of one of libpq's keywords, if the text has it.
    package subscript(keyword: String) -> String? { parts[keyword] }
}

extension PostgresURL: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Without the password, and without what libpq's keywords may say beside: user, host, port, database.
    package var description: String {
        let user = parts["user"].map { "\($0)@" } ?? ""
        let place = parts["host"] ?? parts["hostaddr"] ?? parts["service"].map { "service \($0)" } ?? "localhost"
        let port = parts["port"].map { ":\($0)" } ?? ""
        return "postgres://\(user)\(place)\(port)/\(parts["dbname"] ?? "")"
    }

    package var debugDescription: String { description }

    /// Nothing for `dump` to walk into.
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}
