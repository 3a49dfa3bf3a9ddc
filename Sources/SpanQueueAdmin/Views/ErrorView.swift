// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueue

/// Errors of a queue that are alike.
package struct ErrorGroupView: Encodable, Sendable {
    /// Sixteen hexadecimal digits; null for the rest, which stands for groups that gave way to newer ones.
    @OrNull package var fingerprint: String?
    package let queue: String
    package let type: String
    package let errorType: String
    /// The text with what differs from one to the next masked.
    package let message: String
    /// How many attempts ended in it, as far as workers have told.
    package let count: Int
    package let firstSeen: String
    package let lastSeen: String
    package let version: String

    private enum CodingKeys: String, CodingKey {
        case fingerprint, queue, type, message, count, version
        case errorType = "error_type"
        case firstSeen = "first_seen"
        case lastSeen = "last_seen"
    }

    package init(_ group: ErrorGroup) {
        queue = group.queue
        type = group.jobType
        errorType = group.errorType
        message = group.masked
        count = group.count
        firstSeen = group.firstSeen.description
        lastSeen = group.lastSeen.description
        version = group.version
        _fingerprint = OrNull(wrappedValue: group.fingerprint.map(ErrorFingerprint.text))
    }
}

/// Groups of errors, those that were seen last first.
package struct ErrorGroupsView: Encodable, Sendable {
    package let errors: [ErrorGroupView]
    /// How many more there are.
    package let more: Int

    package init(_ groups: [ErrorGroup], more: Int) {
        errors = groups.map(ErrorGroupView.init)
        self.more = more
    }
}
