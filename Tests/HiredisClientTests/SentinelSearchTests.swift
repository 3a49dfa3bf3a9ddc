// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Testing

@testable import HiredisClient

@Suite("The search for a primary")
struct SentinelSearchTests {
    private let sentinels = (1...3).map { RedisAddress(host: "s\($0)", port: 26379) }
    private let old = RedisAddress(host: "old", port: 6379)
    private let new = RedisAddress(host: "new", port: 6379)

    private func search() -> SentinelSearch { SentinelSearch(service: "mymaster", seeds: sentinels) }

    private func answer(_ primary: RedisAddress, _ epoch: Int64?, _ others: [RedisAddress] = []) -> SentinelAnswer {
        .primary(primary, epoch: epoch, others: others)
    }

    private let away = SentinelAnswer.failed(RedisError(.unreachable, "refused"))
    private let short = Duration.milliseconds(500)

    @Test("the first that answers is believed, and is asked first the next time")
    func order() {
        var search = search()
        #expect(search.begin() == .ask(sentinels[0], within: short))
        #expect(search.isUnderWay)
        #expect(search.receive(away) == .ask(sentinels[1], within: short))
        #expect(search.receive(answer(old, 1)) == .found(old, by: sentinels[1]))
        #expect(!search.isUnderWay)
        #expect(search.begin() == .ask(sentinels[1], within: short))
    }

    @Test("where none answers the error names them, and the next round is more patient, up to two seconds")
    func nobody() throws {
        var search = search()
        for limit in [500, 1000, 2000, 2000] {
            #expect(search.begin() == .ask(sentinels[0], within: .milliseconds(limit)))
            _ = search.receive(away)
            _ = search.receive(away)
            guard case .failed(let error) = search.receive(away) else { throw error("no failure") }
            #expect(error.code == .unreachable)
            for sentinel in sentinels { #expect(error.message.contains("\(sentinel): refused")) }
        }
        _ = search.begin()
        _ = search.receive(answer(old, 1))
        #expect(search.begin() == .ask(sentinels[0], within: short))
    }

    @Test("an answer older than what is known is not believed while one may know better")
    func epochs() throws {
        var search = search()
        _ = search.begin()
        #expect(search.receive(answer(new, 7)) == .found(new, by: sentinels[0]))
        // Behind the times; the next one is not.
        _ = search.begin()
        #expect(search.receive(answer(old, 6)) == .ask(sentinels[1], within: short))
        #expect(search.receive(answer(new, 7)) == .found(new, by: sentinels[1]))
        // Two are out of reach, and one of them may know better.
        _ = search.begin()
        _ = search.receive(away)
        _ = search.receive(answer(old, 6))
        guard case .failed(let error) = search.receive(away) else { throw error("the old primary is believed") }
        #expect(error.message.contains("older state"))
        #expect(search.primary == new)
        // All of them agree: they were set up anew.
        _ = search.begin()
        _ = search.receive(answer(old, 0))
        _ = search.receive(answer(old, 1))
        #expect(search.receive(answer(old, 0)) == .found(old, by: sentinels[0]))
        _ = search.begin()
        #expect(search.receive(answer(old, 1)) == .found(old, by: sentinels[0]))
    }

    @Test("a Sentinel that tells no epoch is believed")
    func noEpoch() {
        var search = search()
        _ = search.begin()
        _ = search.receive(answer(new, 7))
        _ = search.begin()
        #expect(search.receive(answer(old, nil)) == .found(old, by: sentinels[0]))
    }

    @Test("a service that all of them do not know is a mistake; that some do not know it is not")
    func unknown() throws {
        var search = search()
        _ = search.begin()
        _ = search.receive(.unknownService)
        _ = search.receive(.unknownService)
        guard case .failed(let error) = search.receive(.unknownService) else { throw error("no failure") }
        #expect(error.code == .unknownService && error.isHopeless)
        _ = search.begin()
        _ = search.receive(.unknownService)
        _ = search.receive(away)
        guard case .failed(let other) = search.receive(.unknownService) else { throw error }
        #expect(other.code == .unreachable)
        _ = search.begin()
        _ = search.receive(.unknownService)
        #expect(search.receive(answer(old, 1)) == .found(old, by: sentinels[1]))
    }

    @Test("what all of them refuse alike is not cured by waiting")
    func refusals() throws {
        for code in [RedisError.Code.authentication, .tls, .unsupported] {
            var search = search()
            _ = search.begin()
            _ = search.receive(.failed(RedisError(code, "no")))
            _ = search.receive(.failed(RedisError(code, "no")))
            guard case .failed(let error) = search.receive(.failed(RedisError(code, "no"))) else { throw error("?") }
            #expect(error.code == code && error.isHopeless)
            _ = search.begin()
            _ = search.receive(.failed(RedisError(code, "no")))
            _ = search.receive(away)
            guard case .failed(let mixed) = search.receive(.failed(RedisError(code, "no"))) else { throw error }
            #expect(mixed.code == .unreachable)
        }
    }

    @Test("others are learnt and forgotten by what is said of them last; those of the URL stay")
    func others() {
        let more = (4...5).map { RedisAddress(host: "s\($0)", port: 26379) }
        var search = search()
        _ = search.begin()
        _ = search.receive(answer(old, 1, more))
        #expect(Set(search.sentinels) == Set(sentinels + more))
        _ = search.begin()
        _ = search.receive(answer(old, 1, [more[0]]))
        #expect(Set(search.sentinels) == Set(sentinels + [more[0]]))
    }

    @Test("what a round has found is old where the primary has changed since it began: it begins again")
    func outrun() {
        var search = search()
        _ = search.begin()
        search.switched(to: new, by: sentinels[0])
        #expect(search.receive(answer(old, nil)) == .ask(sentinels[0], within: short))
        #expect(search.receive(answer(new, nil)) == .found(new, by: sentinels[0]))
    }

    @Test("one that told of a new primary is asked first: the others may not know it yet")
    func news() {
        var search = search()
        _ = search.begin()
        _ = search.receive(answer(old, 1))
        search.switched(to: new, by: sentinels[2])
        #expect(search.sentinels == [sentinels[2], sentinels[0], sentinels[1]])
        #expect(search.begin() == .ask(sentinels[2], within: short))
    }

    @Test("one that names what is no primary is asked last")
    func distrust() {
        var search = search()
        _ = search.begin()
        _ = search.receive(answer(old, 1))
        search.distrust(new)
        #expect(search.sentinels == sentinels)
        search.distrust(old)
        #expect(search.sentinels == [sentinels[1], sentinels[2], sentinels[0]])
    }

    private func error(_ message: String) -> RedisError { RedisError(.protocolViolation, message) }
}

@Suite("What Sentinels answer")
struct SentinelAnswerTests {
    private func replies(_ text: String) throws -> [RESPReply] {
        let reader = try ReplyReader(maximumReplyBytes: 1 << 20)
        try Array(text.utf8).withUnsafeBytes { try reader.feed($0) }
        var replies: [RESPReply] = []
        while let reply = try reader.next() { replies.append(reply) }
        return replies
    }

    private let address = "*2\r\n$9\r\n127.0.0.1\r\n$4\r\n7001\r\n"

    @Test("the primary, its epoch and the other Sentinels")
    func whole() throws {
        let all = try replies(
            address + "*4\r\n$2\r\nip\r\n$1\r\nx\r\n$12\r\nconfig-epoch\r\n$2\r\n12\r\n"
                + "*2\r\n*4\r\n$2\r\nip\r\n$2\r\ns2\r\n$4\r\nport\r\n$5\r\n26380\r\n*4\r\n$2\r\nip\r\n$1\r\n?\r\n$4\r\nport\r\n$1\r\n1\r\n"
        )
        #expect(
            SentinelAnswer(all)
                == .primary(
                    RedisAddress(host: "127.0.0.1", port: 7001), epoch: 12,
                    others: [RedisAddress(host: "s2", port: 26380)]))
    }

    @Test("the address alone is enough, where the rest is not for us")
    func addressOnly() throws {
        let primary = RedisAddress(host: "127.0.0.1", port: 7001)
        #expect(SentinelAnswer(try replies(address)) == .primary(primary, epoch: nil, others: []))
        let refused = try replies(address + "-NOPERM no\r\n-NOPERM no\r\n")
        #expect(SentinelAnswer(refused) == .primary(primary, epoch: nil, others: []))
    }

    @Test("an unknown service is nil")
    func unknown() throws { #expect(SentinelAnswer(try replies("*-1\r\n")) == .unknownService) }

    @Test(
        "what is no address is not dialled",
        arguments: [
            "*2\r\n$0\r\n\r\n$4\r\n7001\r\n", "*2\r\n$1\r\n?\r\n$4\r\n7001\r\n", "*2\r\n$1\r\nh\r\n$1\r\n0\r\n",
            "*2\r\n$1\r\nh\r\n$5\r\n65536\r\n", "*2\r\n$1\r\nh\r\n$1\r\nx\r\n", "*2\r\n$3\r\na b\r\n$1\r\n1\r\n",
            "*1\r\n$1\r\nh\r\n",
            ":1\r\n", "-ERR no\r\n", "*2\r\n$-1\r\n$1\r\n1\r\n",
        ])
    func bad(text: String) throws {
        guard case .failed = SentinelAnswer(try replies(text)) else {
            Issue.record("\(text) is taken")
            return
        }
    }

    @Test("a message of a failover counts where it is of our service")
    func messages() {
        func primary(_ text: String) -> RedisAddress? { SentinelNews.switched.primary(in: text, of: "mymaster") }
        #expect(primary("mymaster 10.0.0.1 6379 10.0.0.2 6380") == RedisAddress(host: "10.0.0.2", port: 6380))
        #expect(primary("mymaster 10.0.0.1 6379 ::1 6380") == RedisAddress(host: "::1", port: 6380))
        for text in [
            "other 10.0.0.1 6379 10.0.0.2 6380", "mymaster 10.0.0.1 6379 10.0.0.2", "mymaster 10.0.0.1 6379 10.0.0.2 0",
            "mymaster",
            "",
            "mymaster 10.0.0.1 6379  6380", "mymaster 10.0.0.1 6379 10.0.0.2 6380 x",
        ] { #expect(primary(text) == nil, "\(text)") }
    }

    @Test("a message of a promotion counts where it is of our service, and names the new primary and not the old one")
    func promotions() {
        func primary(_ text: String) -> RedisAddress? { SentinelNews.promoted.primary(in: text, of: "mymaster") }
        let new = RedisAddress(host: "10.0.0.2", port: 6380)
        #expect(primary("slave 10.0.0.2:6380 10.0.0.2 6380 @ mymaster 10.0.0.1 6379") == new)
        #expect(primary("replica any-name 10.0.0.2 6380 @ mymaster 10.0.0.1 6379") == new)
        for text in [
            "slave 10.0.0.2:6380 10.0.0.2 6380 @ other 10.0.0.1 6379", "slave x 10.0.0.2 6380 @ mymaster 10.0.0.1",
            "slave x 10.0.0.2 0 @ mymaster 10.0.0.1 6379", "slave x 10.0.0.2 6380 mymaster @ 10.0.0.1 6379",
            "master mymaster 10.0.0.1 6379", "mymaster 10.0.0.1 6379 10.0.0.2 6380", "",
            "slave x 10.0.0.2 6380 @ mymaster 10.0.0.1 6379 x",
        ] { #expect(primary(text) == nil, "\(text)") }
    }
}
