/// Columns of text for people: aligned, and on a terminal cut to its width.
struct Table {
    /// One column: its title, and on which side its cells stand.
    struct Column {
        let title: String
        let isNumber: Bool

        static func text(_ title: String) -> Column { Column(title: title, isNumber: false) }
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
    ///   - width: cut lines to this many characters; nil for no bound.
    ///   - hasStyle: whether the titles are set in bold type.
    func render(width: Int?, hasStyle: Bool) -> String {
        let all = [columns.map(\.title)] + rows
        let widths = columns.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        let lines = all.map { row in
            var line = ""
            for (index, cell) in row.enumerated() {
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
