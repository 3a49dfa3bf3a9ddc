/// Where a Redis is, and as whom and on which database to talk to it.
///
/// | form | meaning |
/// |---|---|
/// | `redis://[[user]:password@]host[:port][/db]` | TCP; port 6379 and database 0 unless given; IPv6 in brackets |
/// | `rediss://…` | the same by TLS |
/// | `unix://[[user]:password@]/path[?db=n]` | a Unix socket |
///
/// User, password and path may be percent-encoded. The password is in no text this type makes: not in `description`, not
/// in its debug forms, not in the errors of the parser.
package struct RedisURL: Sendable, Hashable {
    package enum Endpoint: Sendable, Hashable {
        case tcp(host: String, port: UInt16)
        case unix(path: String)
    }

    package var endpoint: Endpoint
    package var user: String?
    package var password: String?
    package var database: Int
    /// Whether to talk to it by TLS; only by TCP.
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
            let host = host.contains(":") ? "[\(host)]" : host
            return "\(usesTLS ? "rediss" : "redis")://\(text)\(host):\(port)/\(database)"
        case .unix(let path):
            return "unix://\(text)\(path)" + (database == 0 ? "" : "?db=\(database)")
        }
    }

    package var debugDescription: String { description }

    /// Without a host the empty name, for which no certificate is.
    var host: String {
        if case .tcp(let host, _) = endpoint { host } else { "" }
    }

    /// Nothing for `dump` to walk into.
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}
