// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// Finds a shorter list of steps that fails too.
package enum Shrinker {
    /// Leaves out runs of steps, long ones first, as long as what is left still fails.
    ///
    /// - Parameter fails: whether a list of steps fails.
    package static func shrink(_ steps: [Step], while fails: ([Step]) async throws -> Bool) async rethrows -> [Step] {
        var steps = steps
        var length = max(1, steps.count / 2)
        while length >= 1 {
            var start = 0
            var shrank = false
            while start < steps.count {
                var shorter = steps
                shorter.removeSubrange(start..<min(start + length, steps.count))
                if try await fails(shorter) {
                    steps = shorter
                    shrank = true
                } else {
                    start += length
                }
            }
            if !shrank || length > 1 { length /= 2 }
        }
        for index in steps.indices where steps[index].fault != .none {
            var plainer = steps
            plainer[index].fault = .none
            if try await fails(plainer) { steps = plainer }
        }
        return steps
    }
}
