// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import HTTPTypes
internal import Logging
package import SpanQueue
package import SpanQueueAdmin

/// Who may come, under which names, what is kept from them, and where they are led.
package struct WebAccess: Sendable {
    /// The path of the file of users, see ``UserList``; nil where whoever comes may do everything, which is for this machine alone.
    package var users: String?
    /// The names, with no port, under which it is reached beside those of this machine.
    package var hosts: [String] = []
    /// The header in which a proxy says who asks; nil where none does.
    package var userHeader: String?
    /// The header in which it says of which groups they are.
    package var groupsHeader: String?
    /// The addresses of proxies that are believed; a Unix socket's other side always is.
    package var proxies = AddressRanges()
    /// Whose pages may show ours in a frame.
    package var frameAncestors = FrameAncestors()
    /// Whether there is no way to do anything.
    package var isReadOnly = false
    /// What is masked in payloads, results and texts.
    package var redaction = Redaction()
    /// Where the pages lead to, beside themselves.
    package var links = Links()

    package init() {}

    /// - Throws: `.invalidArgument` for what would let others in, or nobody.
    func check() throws(SpanQueueError) {
        guard users == nil else { return }
        if let host = hosts.first {
            throw Self.missing("--web-host \(Excerpt.printable(host, limit: 60)) is for those who come from elsewhere")
        }
        guard userHeader == nil, groupsHeader == nil, proxies.isEmpty else {
            throw Self.missing("who may do what is not known, whatever a proxy says of who they are")
        }
    }

    /// Reads what has to be read, so that what is wrong is said at once.
    ///
    /// - Throws: `.invalidArgument` for a file of users that can't be used, and for a header that is none.
    package func verify() throws(SpanQueueError) {
        for name in [userHeader, groupsHeader] { _ = try name.map(Self.header) }
        if let users { _ = try UserFile(path: users, logger: Logger(label: "spanq")) }
    }

    static func header(_ name: String) throws(SpanQueueError) -> HTTPField.Name {
        guard let field = HTTPField.Name(name) else {
            throw SpanQueueError(
                .invalidArgument, "\"\(Excerpt.printable(name, limit: 60))\" is not the name of a header")
        }
        return field
    }

    private static func missing(_ problem: String) -> SpanQueueError {
        SpanQueueError(.invalidArgument, "\(problem): add --web-users FILE")
    }
}
