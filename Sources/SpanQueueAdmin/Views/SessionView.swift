// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueue

/// Who asks, and what they may do.
package struct SessionView: Encodable, Sendable {
    package let name: String
    /// Null where there are no accounts.
    @OrNull package var role: String?
    package let scopes: [String]
    package let queues: String
    /// Until when they are signed in; null where that does not end.
    @OrNull package var until: String?
    /// Where the pages lead to; null where nowhere.
    @OrNull package var traceURL: String?
    @OrNull package var queueURL: String?
    package let version = SpanQueueVersion.text

    private enum CodingKeys: String, CodingKey {
        case name, role, scopes, queues, until, version
        case traceURL = "trace_url"
        case queueURL = "queue_url"
    }

    package init(_ principal: Principal, until: Timestamp? = nil, links: Links = Links()) {
        name = principal.name
        scopes = principal.scopes.map(\.rawValue).sorted()
        queues = principal.queues.description
        _role = OrNull(wrappedValue: principal.role?.rawValue)
        _until = OrNull(wrappedValue: until?.description)
        _traceURL = OrNull(wrappedValue: links.trace?.text)
        _queueURL = OrNull(wrappedValue: links.queue?.text)
    }
}
