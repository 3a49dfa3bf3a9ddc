// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HiredisClient
import SpanQueueCurl

@testable import SpanQueueOTLP
@testable import SpanQueueTelemetry

extension FuzzTarget {
    /// Redis URLs. No text made of one shows its password.
    static let redisURLs = FuzzTarget(
        "redis-urls",
        seeds: [
            "redis://localhost", "redis://user:pass%20word@[::1]:6380/15", "redis://:secret@host:6379/0",
            "redis-sentinel://u:secret@h1,h2:7000,[::1]/my%20master/3", "rediss+sentinel://h1,,h2/mymaster?db=1",
            "unix://user:secret@/run/redis.sock?db=3", "rediss://host", "redis://h:65536/x", "redis://a@b@c:1",
        ]
    ) { input in
        let text = String(decoding: input, as: UTF8.self)
        let url: RedisURL
        do {
            url = try RedisURL(text)
        } catch {
            precondition(!"\(error)".contains("secret"), "an error quotes a password")
            return
        }
        switch url.endpoint {
        case .tcp(let host, _): precondition(!host.isEmpty)
        case .unix(let path): precondition(!path.isEmpty)
        case .sentinels(let sentinels, let service):
            precondition(!service.isEmpty && !sentinels.isEmpty && sentinels.allSatisfy { !$0.host.isEmpty })
        }
        precondition(url.database >= 0)
        var other = url
        other.password = url.password.map { _ in "canary-7f3" }
        precondition(!"\(other) \(String(reflecting: other))".contains("canary-7f3"), "a description shows a password")
    }

    /// URLs of collectors and deliveries, as libcurl takes them apart, and the headers of a collector.
    static let endpoints = FuzzTarget(
        "endpoints",
        seeds: [
            "http://localhost:4318\nauthorization=Basic%20abc,x=y", "https://u:p%40ss@[::1]:443/a/b?token=1#f\na=b",
            "http://h/%2e%2e/x?\n=", "HTTP://EXAMPLE.com.:80/\na=%", "file:///etc/passwd\n", "http://a@b@c/\n,,a = b ,",
            "https://u:p%40%@[::%@[::1]:443/a\n",
        ]
    ) { input in
        let lines = input.split(separator: UInt8(ascii: "\n"), maxSplits: 1, omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self).filter { $0 != "\0" } }
        let environment = [
            "OTEL_EXPORTER_OTLP_ENDPOINT": lines[0], "OTEL_EXPORTER_OTLP_HEADERS": lines.count > 1 ? lines[1] : "",
            "OTEL_METRICS_EXPORTER": "otlp", "OTEL_TRACES_SAMPLER_ARG": lines[0],
        ]
        _ = TelemetryConfiguration.fromEnvironment(environment)
        let address = try CurlAddress(lines[0])
        precondition(address.scheme == "http" || address.scheme == "https", "another scheme is taken")
        precondition(!address.host.isEmpty && (0...65_535).contains(address.port))
        precondition(!address.shown.utf8.contains { $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "\n") })
        // Credentials end at the last @ in front of the path.
        // By bytes: a slash with a combining mark behind it is not a slash to Character.
        let authority = address.shown.utf8.dropFirst(address.scheme.utf8.count + 3).prefix { $0 != UInt8(ascii: "/") }
        precondition(!authority.contains(UInt8(ascii: "@")), "what is shown has credentials")
        precondition(OTLPEndpoint.problem(with: OTLPEndpoint.url(base: lines[0], signal: .traces)) == nil)
    }
}
