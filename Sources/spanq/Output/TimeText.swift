// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue

/// A duration to two digits or so, for people: `350ms`, `12s`, `3m5s`, `2h10m`, `4d`.
enum AgeText {
    static func format(_ age: Duration) -> String {
        let seconds = age.components.seconds
        switch seconds {
        case ..<1: return "\(max(0, age.milliseconds))ms"
        case ..<60: return "\(seconds)s"
        case ..<3600: return "\(seconds / 60)m\(seconds % 60)s"
        case ..<86_400: return "\(seconds / 3600)h\(seconds % 3600 / 60)m"
        default: return "\(seconds / 86_400)d\(seconds % 86_400 / 3600)h"
        }
    }
}

/// A duration to three digits or so, for people who compare them: `350ms`, `2.35s`, `12.3s`, `3m05s`, `2h10m`, `4d03h`.
enum ElapsedText {
    static func format(_ duration: Duration) -> String {
        let milliseconds = max(0, duration.milliseconds)
        let seconds = milliseconds / 1000
        switch milliseconds {
        case ..<1000: return "\(milliseconds)ms"
        case ..<10_000: return "\(seconds).\(padded(milliseconds % 1000 / 10))s"
        case ..<60_000: return "\(seconds).\(milliseconds % 1000 / 100)s"
        case ..<3_600_000: return "\(seconds / 60)m\(padded(seconds % 60))s"
        case ..<86_400_000: return "\(seconds / 3600)h\(padded(seconds % 3600 / 60))m"
        default: return "\(seconds / 86_400)d\(padded(seconds % 86_400 / 3600))h"
        }
    }

    private static func padded(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
