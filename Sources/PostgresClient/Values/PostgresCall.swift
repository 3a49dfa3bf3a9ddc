// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// One statement with its parameters: a transaction of its own.
package struct PostgresCall: Sendable {
    /// For metrics and errors: one of few.
    package let name: String
    /// The statement, with `$1` and so on.
    package let statement: String
    package let parameters: [PostgresValue]

    package init(_ name: String, _ statement: String, _ parameters: [PostgresValue] = []) {
        self.name = name
        self.statement = statement
        self.parameters = parameters
    }

    /// About what it takes on the wire, in bytes.
    var size: Int { parameters.reduce(statement.utf8.count + 64) { $0 + 16 + ($1.bytes?.count ?? 0) } }
}
