// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueue

/// The sites whose pages may show ours in a frame; none unless they are named: whoever frames a page can lead presses on it.
package struct FrameAncestors: Sendable, Hashable {
    /// As a content security policy has it.
    private(set) var source = "'none'"

    package init() {}

    /// - Parameter texts: `self`, or the beginning of an address up to its port: `https://portal.example`, `https://*.example:8443`.
    /// - Throws: `.invalidArgument` for anything else, as `*` is.
    package init(_ texts: [String]) throws(SpanQueueError) {
        var sources: [String] = []
        for text in texts {
            if ["self", "'self'"].contains(text) {
                sources.append("'self'")
            } else if text.wholeMatch(of: /https?:\/\/(\*\.)?([A-Za-z0-9-]+\.)*[A-Za-z0-9-]+(:[0-9]{1,5})?/) != nil {
                sources.append(text)
            } else {
                throw SpanQueueError(
                    .invalidArgument,
                    "\"\(Excerpt.printable(text, limit: 60))\" is not a site: write self, https://portal.example or https://*.example"
                )
            }
        }
        if !sources.isEmpty { source = sources.joined(separator: " ") }
    }
}
