// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// Counts the failures to sign in of each address: ten a minute, and then none is looked at until the minute is over.
struct SignInThrottle {
    static let most = 10
    static let window = Duration.seconds(60)
    /// The most addresses of which something is known.
    private static let mostAddresses = 4096

    private var failures: [String: (count: Int, since: ContinuousClock.Instant)] = [:]

    /// How many addresses something is known of.
    var known: Int { failures.count }

    /// How long nothing is looked at that comes from an address; nil where it may try.
    func wait(for address: String, at now: ContinuousClock.Instant) -> Duration? {
        guard let (count, since) = failures[address], count >= Self.most, now < since + Self.window else { return nil }
        return since + Self.window - now
    }

    mutating func fail(_ address: String, at now: ContinuousClock.Instant) {
        if let (count, since) = failures[address], now < since + Self.window {
            failures[address] = (count + 1, since)
            return
        }
        if failures.count >= Self.mostAddresses {
            failures = failures.filter { now < $0.value.since + Self.window }
            // So many at once are one who has many.
            if failures.count >= Self.mostAddresses { failures.removeAll() }
        }
        failures[address] = (1, now)
    }

    /// How many more may fail now.
    func left(for address: String, at now: ContinuousClock.Instant) -> Int {
        guard let (count, since) = failures[address], now < since + Self.window else { return Self.most }
        return max(0, Self.most - count)
    }
}
