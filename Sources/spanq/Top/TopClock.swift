// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueue

/// The time of day, with its zone: `14:41:07 UTC`, `15:41:07 +01:00`.
enum TopClock {
    static func text(_ moment: Timestamp, isUTC: Bool, zone: TimeZone = .current) -> String {
        let seconds = moment.milliseconds / 1000
        let offset = isUTC ? 0 : zone.secondsFromGMT(for: Date(timeIntervalSince1970: TimeInterval(seconds)))
        let time = ((seconds + Int64(offset)) % 86_400 + 86_400) % 86_400
        let clock = [time / 3600, time / 60 % 60, time % 60].map(padded).joined(separator: ":")
        guard !isUTC else { return "\(clock) UTC" }
        let minutes = abs(offset) / 60
        return "\(clock) \(offset < 0 ? "-" : "+")\(padded(Int64(minutes / 60))):\(padded(Int64(minutes % 60)))"
    }

    private static func padded(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
