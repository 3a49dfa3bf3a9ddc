// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

@testable import HiredisClient

extension FuzzTarget {
    /// What Sentinels say, to the machine that decides whom to believe. The first byte says how many of the replies are one answer.
    static let sentinels = FuzzTarget(
        "sentinels",
        seeds: [
            "\u{2}*2\r\n$9\r\n127.0.0.1\r\n$4\r\n7001\r\n*4\r\n$2\r\nip\r\n$1\r\nx\r\n$12\r\nconfig-epoch\r\n$2\r\n12\r\n"
                + "*1\r\n*4\r\n$2\r\nip\r\n$2\r\ns2\r\n$4\r\nport\r\n$5\r\n26380\r\n",
            "\u{0}*-1\r\n*2\r\n$1\r\nh\r\n$1\r\n0\r\n-ERR No such master with that name\r\n-NOAUTH Authentication required.\r\n",
            "\u{1}*2\r\n$1\r\na\r\n$1\r\n1\r\n*2\r\n$12\r\nconfig-epoch\r\n$1\r\n7\r\n*2\r\n$1\r\nb\r\n$1\r\n1\r\n*2\r\n$12\r\n"
                + "config-epoch\r\n$1\r\n6\r\n",
            "\u{0}*3\r\n$7\r\nmessage\r\n$14\r\n+switch-master\r\n$42\r\nwork 10.0.0.1 6379 10.0.0.2 6380          \r\n",
            "\u{0}*3\r\n$7\r\nmessage\r\n$14\r\n+promoted-slave\r\n$57\r\nslave 10.0.0.2:6380 10.0.0.2 6380 @ work "
                + "10.0.0.1 6379   \r\n",
        ]
    ) { input in
        guard let first = input.first else { return }
        let reader = try ReplyReader(maximumReplyBytes: 1 << 20)
        var replies: [RESPReply] = []
        try Array(input.dropFirst()).withUnsafeBytes { try reader.feed($0) }
        while let reply = try reader.next(), replies.count < 64 { replies.append(reply) }
        let seeds = ["s1", "s2"].map { RedisAddress(host: $0, port: 26379) }
        var search = SentinelSearch(service: "work", seeds: seeds)
        for start in stride(from: 0, to: replies.count, by: Int(first % 3) + 1) {
            let some = Array(replies[start..<min(replies.count, start + Int(first % 3) + 1)])
            let answer = SentinelAnswer(some)
            if case .primary(let address, _, let others) = answer {
                precondition(([address] + others).allSatisfy { !$0.host.isEmpty && $0.port > 0 }, "an address is none")
            }
            if let message = Subscription.message(in: some[0]), let news = SentinelNews(rawValue: message.channel),
                let address = news.primary(in: message.text, of: "work")
            {
                search.switched(to: address, by: seeds[1])
                precondition(search.primary == address)
            }
            step(&search, answer)
            precondition(Set(search.sentinels).isSuperset(of: seeds), "a Sentinel of the URL is forgotten")
            precondition(search.sentinels.count == Set(search.sentinels).count, "a Sentinel is asked twice")
        }
        // Whatever was said, a round ends once all have been asked.
        if !search.isUnderWay { _ = search.begin() }
        let most = 2 * search.sentinels.count + 2
        for _ in 0..<most where search.isUnderWay {
            _ = search.receive(.failed(RedisError(.unreachable, "away")))
        }
        precondition(!search.isUnderWay, "a round does not end")
    }

    private static func step(_ search: inout SentinelSearch, _ answer: SentinelAnswer) {
        if !search.isUnderWay { _ = search.begin() }
        _ = search.receive(answer)
    }
}
