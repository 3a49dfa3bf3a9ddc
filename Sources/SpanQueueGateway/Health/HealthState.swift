// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// Whether a gateway serves: not while it drains, and not once its engine has given no answer for five seconds.
package struct HealthState: Sendable {
    package static let patience = Duration.seconds(5)

    private var isDraining = false
    private var lastAnswer: ContinuousClock.Instant
    /// As it was said last.
    package private(set) var isServing = true

    /// - Parameter now: when the engine was connected.
    package init(at now: ContinuousClock.Instant) {
        lastAnswer = now
    }

    /// The engine has answered.
    package mutating func answered(at now: ContinuousClock.Instant) {
        lastAnswer = max(lastAnswer, now)
    }

    /// The gateway is about to end, for good.
    package mutating func drain() { isDraining = true }

    /// Looks anew.
    ///
    /// - Returns: whether it is another than before.
    package mutating func look(at now: ContinuousClock.Instant) -> Bool {
        let serves = !isDraining && now - lastAnswer < Self.patience
        defer { isServing = serves }
        return serves != isServing
    }
}
