// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import NIOConcurrencyHelpers

// The JSON of values whose members are texts, whole numbers and truth values, as most jobs are: the same bytes as Foundation's coders write
// with sorted keys, and the same values as they read, in a third of the time. All else they leave to Foundation. A coder that meets something
// unknown, or an error, notes that its result is of no use, since a type may swallow what is thrown.

/// For what is thrown Foundation is asked.
struct NotFlat: Error {}

/// The types whose values have turned out not to be flat, so that they are not tried again: some in a row, for one text with an escape in it,
/// or one payload that somebody damaged, says nothing of the others.
final class UnfitTypes: Sendable {
    /// So many misses in a row.
    static let patience = 8
    /// Types come from the program, so there are only so many; but generic ones can be many.
    private static let most = 1000
    /// These have a keyed form, and Foundation gives them another.
    private static let given = [ObjectIdentifier(URL.self): patience, ObjectIdentifier(Decimal.self): patience]

    private let misses = NIOLockedValueBox(UnfitTypes.given)

    /// What `attempt` gives, unless the type is unfit; it gives nil for a value that is not flat.
    func attempt<Result>(_ type: Any.Type, _ attempt: () -> Result?) -> Result? {
        let type = ObjectIdentifier(type)
        let before = misses.withLockedValue { $0[type] ?? 0 }
        guard before < Self.patience else { return nil }
        guard let result = attempt() else {
            misses.withLockedValue { misses in
                if misses.count >= Self.most { misses = Self.given }
                misses[type, default: 0] += 1
            }
            return nil
        }
        if before > 0 { misses.withLockedValue { $0[type] = nil } }
        return result
    }
}
