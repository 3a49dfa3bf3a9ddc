// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueue

/// A line on stderr that shows how far something has come, where stderr is a terminal. One task owns it.
final class ProgressLine {
    private static let width = 30
    private let isShown = isatty(2) == 1
    private var shownPercent = -1

    func show(_ progress: AuditProgress) {
        show(progress.fraction, progress.queue ?? "keys")
    }

    /// - Parameters:
    ///   - fraction: how much is done, from 0 to 1.
    ///   - what: what is done now.
    func show(_ fraction: Double, _ what: String) {
        let percent = Int(fraction * 100)
        guard isShown, percent != shownPercent else { return }
        shownPercent = percent
        let filled = Self.width * percent / 100
        let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: Self.width - filled)
        write("\r[\(bar)] \(percent)% \(what)\u{1B}[K")
    }

    func clear() {
        guard isShown, shownPercent >= 0 else { return }
        write("\r\u{1B}[K")
        shownPercent = -1
    }

    private func write(_ text: String) {
        Console.draw(text)
    }
}
