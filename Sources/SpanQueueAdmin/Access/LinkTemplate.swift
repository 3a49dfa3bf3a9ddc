// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueue

/// An address elsewhere with a place for a name: `https://tempo.example/trace/{trace_id}`.
package struct LinkTemplate: Sendable, Hashable {
    /// As it was given.
    package let text: String

    /// - Parameter place: what has to be in it, within braces.
    /// - Throws: `.invalidArgument` for what no browser can follow.
    package init(_ text: String, place: String) throws(SpanQueueError) {
        let isHTTP = ["https://", "http://"].contains { text.lowercased().hasPrefix($0) }
        let isPlain = text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
        let host = text.drop { $0 != "/" }.dropFirst(2).prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        guard isHTTP, isPlain, text.utf8.count <= 2000, text.contains("{\(place)}"), !host.isEmpty, !host.contains("{")
        else {
            throw SpanQueueError(
                .invalidArgument,
                "\"\(Excerpt.printable(text, limit: 100))\" is not an address with {\(place)} behind its host: write https://host/…{\(place)}"
            )
        }
        self.text = text
    }
}

/// Where the pages lead to, beside themselves.
package struct Links: Sendable, Hashable {
    /// To a job's trace, by `{trace_id}`.
    package var trace: LinkTemplate?
    /// To a queue's dashboard, by `{queue}`.
    package var queue: LinkTemplate?

    package init() {}
}
