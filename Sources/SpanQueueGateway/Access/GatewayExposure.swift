// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueue
package import SpanQueueServer

/// Whether a gateway may be reached as it is set up: from elsewhere it needs TLS and users, or somebody who says that it does not.
package struct GatewayExposure: Sendable, Hashable {
    package var hasTLS = false
    package var hasUsers = false
    /// `--allow-plaintext`: TLS ends before it, or the network is trusted.
    package var allowsPlaintext = false
    /// `--allow-anyone`: everybody who reaches it may do everything.
    package var allowsAnyone = false

    package init() {}

    /// - Throws: `.invalidArgument`.
    package func check(_ address: ListenAddress) throws(SpanQueueError) {
        guard !address.isLoopback else { return }
        guard hasTLS || allowsPlaintext else {
            throw SpanQueueError(
                .invalidArgument,
                "\(address) can be reached from other machines, and tokens and jobs would go over the wire in plain: give it --tls-cert and --tls-key, or say --allow-plaintext"
            )
        }
        guard hasUsers || allowsAnyone else {
            throw SpanQueueError(
                .invalidArgument,
                "\(address) can be reached from other machines, and everybody there could do everything: give it --users FILE, or say --allow-anyone"
            )
        }
    }
}
