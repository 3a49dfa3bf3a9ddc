// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// Something that was waited for and did not come.
struct Unmet: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// Waits until there is a value. The limit is for what will never come: it is generous.
func found<Value>(
    _ complaint: @autoclosure () -> String, within limit: Duration = .seconds(30), _ find: () async throws -> Value?
) async throws -> Value {
    let deadline = ContinuousClock.now + limit
    while true {
        if let value = try await find() { return value }
        guard ContinuousClock.now < deadline else { throw Unmet(complaint()) }
        try await Task.sleep(for: .milliseconds(20))
    }
}

/// Waits until a condition holds.
func wait(
    for what: @autoclosure () -> String, within limit: Duration = .seconds(30), _ condition: () async throws -> Bool
) async throws {
    try await found("waited in vain for \(what())", within: limit) { try await condition() ? () : nil }
}
