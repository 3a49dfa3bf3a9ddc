// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// How to talk to the Sentinels themselves: they have users, passwords and certificates of their own.
package struct SentinelSettings: Sendable, Hashable {
    package var user: String?
    /// Nil for Sentinels that ask for none.
    package var password: String?
    /// Whether they speak TLS; nil for as the URL has it.
    package var usesTLS: Bool?
    /// For those that do; nil for the settings of the Redis servers.
    package var tls: TLSSettings?

    package init(user: String? = nil, password: String? = nil, usesTLS: Bool? = nil, tls: TLSSettings? = nil) {
        self.user = user
        self.password = password
        self.usesTLS = usesTLS
        self.tls = tls
    }
}

extension SentinelSettings: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Without the password.
    package var description: String {
        "user \(user ?? "none"), password \(password == nil ? "none" : "***"), TLS \(usesTLS.map { "\($0)" } ?? "as the URL")"
    }

    package var debugDescription: String { description }

    package var customMirror: Mirror { Mirror(self, children: [:]) }
}
