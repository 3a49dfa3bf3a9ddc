// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import Foundation

/// A request's target: the parts of its path, and its query, with percent-encoding resolved once.
struct RequestPath {
    let parts: [String]
    let query: [(name: String, value: String)]

    /// Nil where an escape is none, or does not stand for UTF-8.
    init?(_ target: String) {
        let halves = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        guard target.hasPrefix("/"), target.utf8.count <= 8192 else { return nil }
        var parts: [String] = []
        // Split first: an escaped slash is a part of a name.
        for part in halves[0].dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
            guard let plain = part.removingPercentEncoding else { return nil }
            parts.append(plain)
        }
        var query: [(name: String, value: String)] = []
        for pair in (halves.count > 1 ? halves[1] : "").split(separator: "&") {
            let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map {
                $0.replacing("+", with: "%20").removingPercentEncoding
            }
            guard let name = sides[0], let value = sides.count > 1 ? sides[1] : "" else { return nil }
            query.append((name, value))
        }
        self.parts = parts
        self.query = query
    }
}
