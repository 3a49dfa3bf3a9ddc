// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// Where a Redis is, and as whom and on which database to talk to it.
///
/// | form | meaning |
/// |---|---|
/// | `redis://[[user]:password@]host[:port][/db]` | TCP; port 6379 and database 0 unless given; IPv6 in brackets |
/// | `rediss://…` | the same by TLS |
/// | `redis-sentinel://[[user]:password@]host[:port][,host[:port]…]/service[/db]` | the primary of a service, by its Sentinels; port 26379 \
/// unless given; `rediss-sentinel` for TLS, `redis+sentinel` and `rediss+sentinel` are the same |
/// | `unix://[[user]:password@]/path[?db=n]` | a Unix socket |
///
/// User, password and path may be percent-encoded. The password is in no text this type makes: not in `description`, not
/// in its debug forms, not in the errors of the parser.
package struct RedisURL: Sendable, Hashable {
    package enum Endpoint: Sendable, Hashable {
        case tcp(host: String, port: UInt16)
        case unix(path: String)
        /// The primary of a service, wherever these say that it is.
        case sentinels([RedisAddress], service: String)
    }

    package var endpoint: Endpoint
    package var user: String?
    package var password: String?
    package var database: Int
    /// Whether to talk to it, and to the Sentinels unless told otherwise, by TLS; not by a Unix socket.
    package var usesTLS: Bool

    package init(
        endpoint: Endpoint, user: String? = nil, password: String? = nil, database: Int = 0, usesTLS: Bool = false
    ) {
        self.usesTLS = usesTLS
        self.endpoint = endpoint
        self.user = user
        self.password = password
        self.database = database
    }
}

extension RedisURL: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The URL with `***` for the password.
    package var description: String {
        var text = ""
        if user != nil || password != nil {
            text = (user ?? "") + (password == nil ? "" : ":***") + "@"
        }
        switch endpoint {
        case .tcp(let host, let port):
            return "\(usesTLS ? "rediss" : "redis")://\(text)\(RedisAddress(host: host, port: port))/\(database)"
        case .sentinels(let sentinels, let service):
            let hosts = sentinels.map(\.description).joined(separator: ",")
            return "\(usesTLS ? "rediss" : "redis")-sentinel://\(text)\(hosts)/\(service)/\(database)"
        case .unix(let path):
            return "unix://\(text)\(path)" + (database == 0 ? "" : "?db=\(database)")
        }
    }

    package var debugDescription: String { description }

    /// Whether Sentinels are asked where it is.
    package var usesSentinels: Bool {
        if case .sentinels = endpoint { true } else { false }
    }

    /// Nothing for `dump` to walk into.
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}

/// A host, by name or address, and a port.
package struct RedisAddress: Sendable, Hashable, CustomStringConvertible {
    package let host: String
    package let port: UInt16

    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    package var description: String { "\(host.contains(":") ? "[\(host)]" : host):\(port)" }
}
