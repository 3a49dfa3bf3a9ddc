// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import HiredisClient
import SpanQueue

/// How to talk to the Sentinels of a `redis-sentinel://` URL. User and password in the URL are those of the Redis servers; Sentinels have
/// their own.
public struct RedisSentinel: Sendable, Hashable, CustomStringConvertible, CustomReflectable {
    /// Their user; the default user unless set.
    public var user: String?
    /// Its password; none unless set.
    public var password: String?
    /// Whether they speak TLS; as the URL has it for the Redis servers unless set.
    public var usesTLS: Bool?
    /// Whom to trust, and our certificate, where they differ from ``RedisEngineOptions/tls``.
    public var tls: RedisTLS?

    /// - Parameters:
    ///   - user: see the property of this name, as for the others.
    public init(user: String? = nil, password: String? = nil, usesTLS: Bool? = nil, tls: RedisTLS? = nil) {
        self.user = user
        self.password = password
        self.usesTLS = usesTLS
        self.tls = tls
    }

    /// Without the password.
    public var description: String { settings.description }

    /// Nothing for `dump` to walk into.
    public var customMirror: Mirror { Mirror(self, children: [:]) }

    package var settings: SentinelSettings {
        SentinelSettings(user: user, password: password, usesTLS: usesTLS, tls: tls?.settings)
    }

    /// Whether it can be used for a URL.
    func check(for url: RedisURL, _ common: RedisTLS) throws(SpanQueueError) {
        guard url.usesSentinels else {
            guard self == RedisSentinel() else {
                throw SpanQueueError(
                    .invalidArgument,
                    "settings for Sentinels have no effect on \(url): write redis-sentinel://host,host/service")
            }
            return
        }
        guard user == nil || password != nil else {
            throw SpanQueueError(
                .invalidArgument, "the Sentinels' user has no password: set both, or only the password")
        }
        guard usesTLS ?? url.usesTLS else {
            guard tls == nil else {
                throw SpanQueueError(
                    .invalidArgument,
                    "TLS settings for Sentinels have no effect on connections without TLS: use TLS for the Sentinels")
            }
            return
        }
        do throws(RedisError) {
            try (tls ?? common).settings.check()
        } catch {
            throw SpanQueueError(.invalidArgument, error.message)
        }
    }
}
