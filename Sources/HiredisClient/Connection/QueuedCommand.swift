// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// What ``PendingQueue`` needs to know of a command.
protocol QueuedCommand: AnyObject {
    var place: CommandPlace { get set }
    /// Nobody waits for the reply any more.
    var isFinished: Bool { get }
    var isIdempotent: Bool { get }
    /// In bytes.
    var size: Int { get }
}
