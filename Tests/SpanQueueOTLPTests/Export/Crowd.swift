// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation

/// The other suites of the bundle keep every core busy meanwhile, and what is due may have to wait for them for seconds. What is
/// bounded here would otherwise take minutes, so the bound may be generous; with `SPANQ_TEST_STRICT_TIMES=1`, for these suites
/// alone, it is not.
enum Crowd {
    private static let isStrict = ProcessInfo.processInfo.environment["SPANQ_TEST_STRICT_TIMES"] == "1"

    static func allows(_ bound: Duration) -> Duration { isStrict ? bound : bound + .seconds(20) }
}
