// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// The steps of a seed.
package enum StepList {
    private static let weights: [(Step.Kind, Int)] = [
        (.enqueue, 22), (.enqueueAgain, 5), (.claim, 16), (.extend, 6), (.settle, 26), (.update, 4), (.crash, 4),
        (.staleExtend, 2), (.staleSettle, 4), (.staleUpdate, 2), (.reclaim, 7), (.sweep, 3), (.popWake, 4),
        (.passWakeUp, 3), (.announce, 1), (.pause, 1), (.resume, 2), (.cancel, 5), (.redrive, 4), (.bury, 4),
        (.remove, 4), (.bulkRemove, 4), (.bulkRedrive, 2), (.actOnEach, 4), (.read, 4), (.search, 5), (.advance, 22),
        (.setBack, 1), (.save, 1), (.lose, 1),
    ]
    /// On Postgres, whose steps nobody has kept before there were these.
    private static let moreWeights: [(Step.Kind, Int)] = [
        (.staleExtend, 4), (.staleUpdate, 4), (.staleSettle, 6), (.cancel, 4),
    ]

    private static func kinds(_ weights: [(Step.Kind, Int)]) -> [Step.Kind] {
        weights.flatMap { kind, weight in [Step.Kind](repeating: kind, count: weight) }
    }

    /// - Parameters:
    ///   - seed: the same seed gives the same steps.
    ///   - count: how many.
    ///   - faults: what may go wrong.
    package static func make(seed: UInt64, count: Int, faults: [Fault] = Fault.ofRedis) -> [Step] {
        var generator = SeededGenerator(seed: seed)
        let kinds = kinds(faults == Fault.ofPostgres ? weights + moreWeights : weights)
        return (0..<count).map { _ in
            let kind = generator.pick(kinds)
            var fault = Fault.none
            if generator.once(in: 3) { fault = generator.pick(faults) }
            if fault.takesTime, !generator.once(in: 2) { fault = .replyLost }
            return Step(kind: kind, fault: fault, choice: generator.next())
        }
    }

    /// Steps as lines of text; lines that begin with `#` are for people.
    package static func read(_ text: String) throws -> [Step] {
        try text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { line in
            guard let step = Step(line) else { throw Violation("\"\(line)\" is not a step") }
            return step
        }
    }
}
