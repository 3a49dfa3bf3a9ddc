// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueueCommand
import Testing

@testable import spanq

@Suite("Flags of a worker", .timeLimit(.minutes(1)))
struct WorkerFlagTests {
    /// Each with a value, and how `--print-config` shows that where it is another text. Nil: the flag takes none.
    static let given: [(setting: Setting, value: String?, shown: String)] =
        same.map { ($0, $1, $1) }
        + [
            (.redisURL, "rediss-sentinel://h:1/service", "rediss-sentinel://h:1/service/0"),
            (.redisSentinelPassword, "env:HOME", "env:HOME"), (.allowEviction, nil, "true"),
            (.httpUseProxy, nil, "true"), (.queues, "a:2,b:1", "a:2,b:1"), (.exec, "a=true", "a=true"),
            (.http, "b=http://h/", "b=http://h/"), (.httpHeader, "b=X-Key: env:HOME", "b=X-Key: env:HOME"),
        ]

    private static let same: [(Setting, String)] = [
        (.redisTimeout, "7s"), (.redisTLSAuthorities, "/ca"), (.redisTLSCertificate, "/cert"),
        (.redisTLSKey, "/key"), (.redisTLSServerName, "name"), (.redisSentinelUser, "u"),
        (.redisSentinelTLS, "true"), (.redisSentinelTLSAuthorities, "/ca2"),
        (.redisSentinelTLSCertificate, "/cert2"), (.redisSentinelTLSKey, "/key2"),
        (.redisSentinelTLSServerName, "name2"), (.durability, "wait:2"), (.logLevel, "debug"),
        (.logFormat, "json"), (.listen, "127.0.0.1:1"), (.slowAttempt, "3s"), (.attemptParent, "link"),
        (.concurrency, "3"), (.lease, "4s"), (.drainTimeout, "5s"), (.cancellationGrace, "6s"),
        (.maxReclaims, "4"), (.unknownTypeDelay, "8s"), (.unknownTypeRetries, "9"), (.retention, "11s"),
        (.retentionCount, "12"), (.deadRetention, "13s"), (.execTimeout, "14s"), (.execKillGrace, "15s"),
        (.execPassEnvironment, "NAME"), (.httpTimeout, "16s"), (.httpAllowHost, "h"),
        (.postgresSchema, "jobs"),
    ]

    /// Excluded by another flag, a key that would have to be made, and a setting without a flag.
    private static let others = Set([Setting.url, .strictQueues, .httpSigningKey, .traceURL].map(\.key))

    @Test("each reaches the setting of its name, and --print-config says so")
    func all() async throws {
        let flags = Self.given.flatMap { [$0.setting.flag] + ($0.value.map { [$0] } ?? []) }
        let run = try await CommandRun.spanq(["worker", "--print-config", "--json"] + flags)
        #expect(run.code == 0, "\(run.errors)")
        let entries = try run.output.split(separator: "\n").map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: String])
        }
        let known = Self.others.union(Self.given.map(\.setting.key))
        #expect(entries.compactMap { $0["key"] }.filter { !known.contains($0) }.isEmpty, "give them a value above")
        for (setting, _, shown) in Self.given {
            let entry = entries.first { $0["key"] == setting.key }
            #expect(entry?["value"] == shown && entry?["source"] == setting.flag, "\(setting.flag): \(entry ?? [:])")
        }
    }
}
