// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Testing

@testable import HiredisClient

@Suite("Redis URLs")
struct RedisURLTests {
    @Test(
        "every form is understood",
        arguments: [
            ("redis://localhost", "redis://localhost:6379/0"),
            ("REDIS://h:1", "redis://h:1/0"),
            ("redis://h:7000/3", "redis://h:7000/3"),
            ("rediss://u:canary@h:7000/3", "rediss://u:***@h:7000/3"),
            ("REDISS://[::1]", "rediss://[::1]:6379/0"),
            ("redis://h/", "redis://h:6379/0"),
            ("redis://h?db=4", "redis://h:6379/4"),
            ("redis://[::1]:7000/2", "redis://[::1]:7000/2"),
            ("redis://[fe80::1%25eth0]", "redis://[fe80::1%eth0]:6379/0"),
            ("redis://:canary@h", "redis://:***@h:6379/0"),
            ("redis://u:canary@h", "redis://u:***@h:6379/0"),
            ("redis://u:can@ary@h", "redis://u:***@h:6379/0"),
            ("redis://u:can:ary@h", "redis://u:***@h:6379/0"),
            ("redis://u:@h", "redis://u:***@h:6379/0"),
            ("redis://@h", "redis://h:6379/0"),
            ("redis-sentinel://h/mymaster", "redis-sentinel://h:26379/mymaster/0"),
            (
                "redis-sentinel://h1,h2:7000,[::1]/mymaster/3",
                "redis-sentinel://h1:26379,h2:7000,[::1]:26379/mymaster/3"
            ),
            ("redis+sentinel://u:can,ary@h1,h1:26379/mymaster/", "redis-sentinel://u:***@h1:26379/mymaster/0"),
            ("RedisS-Sentinel://:canary@h/a%2Fb?db=2", "rediss-sentinel://:***@h:26379/a/b/2"),
            ("rediss+sentinel://h/mymaster", "rediss-sentinel://h:26379/mymaster/0"),
            ("unix:///run/redis.sock", "unix:///run/redis.sock"),
            ("unix:///run/redis.sock?db=2", "unix:///run/redis.sock?db=2"),
            ("unix://u:canary@/run/a%20b", "unix://u:***@/run/a b"),
        ])
    func forms(text: String, masked: String) throws {
        #expect(try RedisURL(text).description == masked)
    }

    @Test("user, password and path are percent-decoded")
    func decoding() throws {
        let url = try RedisURL("redis://us%65r:p%40%2F%C3%A9@h")
        #expect(url.user == "user")
        #expect(url.password == "p@/é")
        #expect(try RedisURL("redis://:x@h").user == nil)
        #expect(try RedisURL("unix:///a%2Fb").endpoint == .unix(path: "/a/b"))
    }

    @Test(
        "a bad form is refused with one line that does not repeat it",
        arguments: [
            ("canary", RedisURLError.scheme), ("canary://h", .scheme),
            ("redis://", .host), ("redis://:canary@", .host), ("redis://h:canary", .port), ("redis://h:0", .port),
            ("redis://h:65536", .port), ("redis://h:+1", .port), ("redis://::1", .bareIPv6),
            ("redis://[::1", .bracket), ("redis://h/canary", .database), ("redis://h/-1", .database),
            ("redis://h/1?db=2", .database), ("redis://canary@h", .passwordMissing), ("redis://:%zzcanary@h", .percent),
            ("redis://:%ffcanary@h", .percent), ("redis://:can/ary@h", .host), ("redis://u:can/ary@h", .port),
            ("redis://:can#ary@h", .fragment),
            ("redis://h?canary=1", .query), ("redis://h\n", .control), ("redis://:can ary@h", .control),
            ("redis://h1,canary", .hosts), ("redis://h1:1,canary:2/0", .hosts),
            ("redis-sentinel://h1,h2", .sentinelService), ("redis-sentinel://h1,h2/", .sentinelService),
            ("redis-sentinel://h1//0", .sentinelService), ("redis-sentinel://h1/mymaster/0/canary", .sentinelPath),
            ("redis-sentinel://h1/mymaster/canary", .database), ("redis-sentinel://h1/mymaster/1?db=2", .database),
            ("redis-sentinel://h1,,h2/mymaster", .host), ("redis-sentinel:///mymaster", .host),
            ("redis-sentinel://h1,h2:canary/mymaster", .port), ("redis-sentinel://h1,::1/mymaster", .bareIPv6),
            ("redis-sentinel://h1/0?sentinelMasterId=canary", .sentinelQuery), ("redis-sentinel://h1/a%20b", .control),
            ("redis-sentinel://" + (0..<65).map { "h\($0)" }.joined(separator: ",") + "/mymaster", .sentinelCount),
            ("redis+canary://h/mymaster", .scheme), ("unix://canary/path", .path), ("unix://", .path),
            ("unix:///", .path),
            ("unix:///" + String(repeating: "x", count: RedisURL.longestSocketPath), .longPath),
        ])
    func refusals(text: String, error: RedisURLError) {
        let thrown = #expect(throws: RedisURLError.self) { try RedisURL(text) }
        #expect(thrown == error)
        #expect(!error.description.contains("canary") && !error.description.contains("\n"))
    }

    @Test("no text that a URL can be turned into has the password")
    func canary() throws {
        let url = try RedisURL("redis://user:canary@h")
        var dumped = ""
        dump([url], to: &dumped)
        for text in ["\(url)", String(reflecting: url), "\([url])", "\(Optional(url) as Any)", dumped] {
            #expect(!text.contains("canary"))
        }
    }
}
