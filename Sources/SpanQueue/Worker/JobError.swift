// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// What a handler throws to say how its attempt is to end. Any other error is a failure that is tried again.
///
/// ```swift
/// throw JobError.snooze(for: .seconds(60))
/// ```
public struct JobError: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Kind: Sendable, Hashable {
        case permanent
        case retry(after: Duration)
        case snooze(for: Duration)
        case cancel
    }

    package let kind: Kind
    /// What was given as the text; may be empty.
    package let text: String

    /// Trying again does not help: the job becomes a dead letter with this text as its error.
    public static func permanent(_ text: String) -> JobError { JobError(kind: .permanent, text: text) }

    /// Try again after this long, if an attempt is left; the text is kept as the error.
    public static func retry(after delay: Duration, _ text: String = "") -> JobError {
        JobError(kind: .retry(after: delay), text: text)
    }

    /// Nothing is wrong, but it is too early: look at the job again after this long, 10 years at most. No attempt is charged, and the
    /// snoozes are counted apart: from the 1,001st in a row on each is a failed attempt. The text is kept with the
    /// attempt in the history.
    public static func snooze(for delay: Duration, _ text: String = "") -> JobError {
        JobError(kind: .snooze(for: delay), text: text)
    }

    /// Cancel the job.
    public static func cancel(_ text: String = "") -> JobError { JobError(kind: .cancel, text: text) }

    /// The text, or else what was asked for.
    public var description: String {
        if !text.isEmpty { return text }
        return switch kind {
        case .permanent: "permanent"
        case .retry(let delay): "retry after \(DurationText.format(delay))"
        case .snooze(let delay): "snooze for \(DurationText.format(delay))"
        case .cancel: "cancel"
        }
    }
}
