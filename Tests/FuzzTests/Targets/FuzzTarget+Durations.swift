// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue

extension FuzzTarget {
    /// Durations of flags, variables and files. What was read is not negative, at most 100 years, and reads back.
    static let durations = FuzzTarget(
        "durations", seeds: ["500ms", "2s", "1h30m", "7d", "0.5h", "1.5d2.25s", "999999999999d", "0ms", ".5s", "1e3s"]
    ) { input in
        guard let duration = DurationText.parse(String(decoding: input, as: UTF8.self)) else { return }
        precondition(duration >= .zero && duration <= .seconds(100 * 365 * 86_400))
        precondition(DurationText.parse(DurationText.format(duration)) == duration)
    }
}
