// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// What has to be sent to a terminal so that it shows other lines: those that have changed.
struct TopPainter: Sendable {
    private let hasColors: Bool
    private var shown: [TopLine] = []

    init(hasColors: Bool) {
        self.hasColors = hasColors
    }

    /// The screen is no longer what was sent.
    mutating func forget() { shown = [] }

    /// Empty where nothing has changed.
    mutating func paint(_ lines: [TopLine]) -> String {
        let isFresh = shown.count != lines.count
        var text = isFresh ? "\u{1B}[2J" : ""
        for (index, line) in lines.enumerated() where isFresh || shown[index] != line {
            // Cleared first: behind a line that is as wide as the screen, some terminals would clear its end.
            text += "\u{1B}[\(index + 1);1H\u{1B}[K" + line.spans.map(styled).joined()
        }
        shown = lines
        // In one go, where the terminal knows how (synchronized output); others pass it over.
        return text.isEmpty ? "" : "\u{1B}[?2026h\(text)\u{1B}[?2026l"
    }

    private func styled(_ span: TopSpan) -> String {
        let code =
            switch span.style {
            case .plain: ""
            case .bold: "1"
            case .dim: "2"
            case .chosen: "7"
            case .well: hasColors ? "32" : ""
            case .warn: hasColors ? "33" : ""
            case .bad: hasColors ? "31" : ""
            case .now: hasColors ? "36" : ""
            }
        return code.isEmpty ? span.text : "\u{1B}[\(code)m\(span.text)\u{1B}[0m"
    }
}
