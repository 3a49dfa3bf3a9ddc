// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// One measured figure of a scenario, and the bound that it must keep.
package struct Figure: Sendable {
    /// What was measured, with its value and bound, in words.
    package let text: String
    package let holds: Bool

    package init(_ text: String, holds: Bool = true) {
        self.text = text
        self.holds = holds
    }

    static func none(_ what: String, _ items: [String]) -> Figure {
        Figure(
            items.isEmpty ? "\(what) 0" : "\(what) \(items.count): \(items.prefix(3).joined(separator: ", "))",
            holds: items.isEmpty)
    }

    static func exactly(_ what: String, _ value: Int, _ expected: Int) -> Figure {
        Figure(value == expected ? "\(what) \(value)" : "\(what) \(value), not \(expected)", holds: value == expected)
    }

    /// - Parameter slack: what a busy machine may add before the figure fails. The text says so of a figure that needed it.
    static func atMost(_ what: String, _ value: Int, _ bound: Int, slack: Int = 0) -> Figure {
        let comparison = value <= bound ? "≤ \(bound)" : "> \(bound), slack \(slack)"
        return Figure("\(what) \(value) \(comparison)", holds: value <= bound + slack)
    }

    static func atLeast(_ what: String, _ value: Int, _ bound: Int) -> Figure {
        Figure("\(what) \(value) ≥ \(bound)", holds: value >= bound)
    }

    /// - Parameter slack: what a busy machine may add before the figure fails. The text says so of a figure that needed it.
    static func atMost(_ what: String, _ value: Duration, _ bound: Duration, slack: Duration = .zero) -> Figure {
        let comparison = value <= bound ? "≤ \(text(bound))" : "> \(text(bound)), slack \(text(slack))"
        return Figure("\(what) \(text(value)) \(comparison)", holds: value <= bound + slack)
    }

    static func text(_ duration: Duration) -> String {
        let milliseconds = duration / .milliseconds(1)
        return milliseconds < 1000
            ? "\(milliseconds < 10 ? (milliseconds * 10).rounded() / 10 : milliseconds.rounded()) ms"
            : "\((milliseconds / 10).rounded() / 100) s"
    }
}

extension Findings {
    /// The figures that every scenario has.
    var figures: [Figure] {
        [
            .atLeast("accepted", accepted, 1), .none("lost", lost), .none("unexpected", unexpected),
            .none("completed twice", completedTwice), .none("completed unrun", completedUnrun),
            .none("tokens confused", confusedTokens), .none("damage", damage),
        ]
    }

    func figures(extraRunsAtMost bound: Int) -> [Figure] {
        figures + [.atMost("extra runs", extraRuns, bound)]
    }
}
