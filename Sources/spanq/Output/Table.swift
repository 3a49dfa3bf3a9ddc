// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// Columns of text for people: aligned, and on a terminal made to fit its width. Long texts are shortened first, so that one
/// long name does not push all numbers off the screen; what is too wide even then is cut.
struct Table {
    /// One column: its title, on which side its cells stand, and how far they may be shortened.
    struct Column {
        let title: String
        var isNumber = false
        /// The least characters that a cell keeps of a longer text; nil where it is never shortened.
        var least: Int?

        /// A text that may be long.
        static func text(_ title: String) -> Column { Column(title: title, least: 20) }
        /// An id, of which those that we make ourselves are shown whole.
        static func id(_ title: String) -> Column { Column(title: title, least: 36) }
        /// A text of a known length, such as a time.
        static func fixed(_ title: String) -> Column { Column(title: title) }
        static func number(_ title: String) -> Column { Column(title: title, isNumber: true) }
    }

    let columns: [Column]
    private(set) var rows: [[String]] = []

    init(_ columns: Column...) {
        self.columns = columns
    }

    mutating func add(_ cells: String...) {
        add(cells)
    }

    mutating func add(_ cells: [String]) {
        rows.append(cells.map(Self.clean))
    }

    /// - Parameters:
    ///   - width: shorten cells and cut lines to this many characters; nil for no bound.
    ///   - hasStyle: whether the titles are set in bold type.
    func render(width: Int?, hasStyle: Bool) -> String {
        let all = [columns.map(\.title)] + rows
        let widths = fitted(columns.indices.map { column in all.map { $0[column].count }.max() ?? 0 }, to: width)
        let lines = all.map { row in
            var line = ""
            for (index, cell) in row.enumerated() {
                let cell = Self.shortened(cell, to: widths[index])
                let padding = String(repeating: " ", count: widths[index] - cell.count)
                let isLast = index == row.count - 1
                line += columns[index].isNumber ? padding + cell : isLast ? cell : cell + padding
                if !isLast { line += "  " }
            }
            return Self.cut(line, to: width)
        }
        guard hasStyle, let title = lines.first else { return lines.joined(separator: "\n") }
        return (["\u{1B}[1m\(title)\u{1B}[0m"] + lines.dropFirst()).joined(separator: "\n")
    }

    /// Takes from the widest texts until all columns fit, or none may lose more. The last one is cut with its line.
    private func fitted(_ widths: [Int], to width: Int?) -> [Int] {
        guard let width else { return widths }
        var widths = widths
        func least(_ index: Int) -> Int? { columns[index].least.map { max($0, columns[index].title.count) } }
        while widths.reduce(2 * (widths.count - 1), +) > width {
            let shortenable = widths.indices.dropLast().filter { (least($0) ?? .max) < widths[$0] }
            guard let widest = shortenable.max(by: { widths[$0] < widths[$1] }) else { break }
            widths[widest] -= 1
        }
        return widths
    }

    /// Without its middle: names often differ at their ends.
    private static func shortened(_ cell: String, to width: Int) -> String {
        guard cell.count > width else { return cell }
        let end = (width - 1) / 3
        return cell.prefix(width - 1 - end) + "…" + cell.suffix(end)
    }

    func print() {
        Console.print(render(width: Console.width, hasStyle: Console.hasStyle))
    }

    static func cut(_ line: String, to width: Int?) -> String {
        guard let width, line.count > width else { return line }
        return line.prefix(max(0, width - 1)) + "…"
    }

    /// One line, and nothing that could steer a terminal.
    static func clean(_ text: String) -> String {
        var cleaned = ""
        for scalar in text.unicodeScalars {
            let isSafe = scalar.properties.generalCategory != .control && scalar.properties.generalCategory != .format
            cleaned.unicodeScalars.append(isSafe ? scalar : " ")
        }
        return cleaned
    }
}
