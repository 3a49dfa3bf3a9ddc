// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// Why a text is not a ``RedisURL``, and what to write instead. Never quotes the text: any part of a mistyped URL may be
/// the password.
package struct RedisURLError: Error, Sendable, Hashable, CustomStringConvertible {
    package let message: String

    package var description: String { message }

    package static let scheme = RedisURLError(
        message: "not a Redis URL: write redis://host:6379/0, rediss://… for TLS, "
            + "redis-sentinel://host,host/service, or unix:///path/to/redis.sock"
    )
    static let host = RedisURLError(
        message: "the Redis URL has no host: write redis://host:6379"
            + " (and percent-encode '/', ':', '?', '#' and '@' in a password)"
    )
    static let hosts = RedisURLError(
        message: "the Redis URL has more than one host: write one, or redis-sentinel://host,host/service for Sentinels"
    )
    static let sentinelService = RedisURLError(
        message: "the Redis URL has no service for the Sentinels: write redis-sentinel://host:26379,host:26379/mymaster"
    )
    static let sentinelPath = RedisURLError(
        message: "the Redis URL has more than a service and a database: write redis-sentinel://host:26379/mymaster/0"
    )
    static let sentinelQuery = RedisURLError(
        message: "the Redis URL has an unknown parameter: the service is part of the path, as in "
            + "redis-sentinel://host/mymaster/0"
    )
    static let sentinelCount = RedisURLError(message: "the Redis URL has too many Sentinels: name some of them")
    static let port = RedisURLError(
        message: "the port in the Redis URL is not a number from 1 to 65535: write redis://host:6379"
            + " (and percent-encode '/', ':', '?', '#' and '@' in a password)"
    )
    static let bracket = RedisURLError(
        message: "the IPv6 address in the Redis URL is not closed: write redis://[::1]:6379"
    )
    static let bareIPv6 = RedisURLError(
        message: "the host in the Redis URL has more than one ':': write an IPv6 address as redis://[::1]:6379"
    )
    static let database = RedisURLError(
        message: "the database in the Redis URL is not a number: write redis://host:6379/0, or unix:///path?db=0"
    )
    static let percent = RedisURLError(
        message: "the Redis URL has a '%' that is not followed by two hex digits of UTF-8 text: write '%' itself as %25"
    )
    static let passwordMissing = RedisURLError(
        message: "the Redis URL has a user and no password: write redis://user:password@host, or redis://:password@host"
    )
    static let query = RedisURLError(message: "the Redis URL has an unknown parameter: only ?db=number is allowed")
    static let fragment = RedisURLError(
        message: "the Redis URL has a '#': write it as %23 if it belongs to the user or the password"
    )
    static let path = RedisURLError(message: "the Redis URL has no socket path: write unix:///path/to/redis.sock")
    static let longPath = RedisURLError(
        message:
            "the socket path in the Redis URL is longer than the system allows (\(RedisURL.longestSocketPath) bytes): use a shorter one"
    )
    static let control = RedisURLError(
        message: "the Redis URL has a space or a control character: percent-encode it, or remove it"
    )
}
