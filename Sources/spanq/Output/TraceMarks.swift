/// The characters that a trace is drawn with.
struct TraceMarks: Sendable {
    let attempt: Character
    let wait: Character
    let delay: Character
    /// Something that took no time.
    let instant: Character
    /// Where a stretch of the axis is left out.
    let cut: Character
    /// The halves of a column, where there are any.
    let leftHalf: Character
    let rightHalf: Character
    /// Leads to the line with the error.
    let branch: String
    /// Whether only ASCII may be written.
    let isASCII: Bool

    static let unicode = TraceMarks(
        attempt: "█", wait: "▒", delay: "░", instant: "│", cut: "┊", leftHalf: "▌", rightHalf: "▐", branch: "└ ",
        isASCII: false)
    static let ascii = TraceMarks(
        attempt: "#", wait: "=", delay: ".", instant: "|", cut: ":", leftHalf: "#", rightHalf: "#", branch: "`- ",
        isASCII: true)

    /// A text of a job's own within these characters.
    func fit(_ text: String) -> String {
        guard isASCII, !text.utf8.allSatisfy({ $0 < 0x80 }) else { return text }
        let plain = text.replacing("…", with: "...")
        return String(String.UnicodeScalarView(plain.unicodeScalars.map { $0.isASCII ? $0 : "?" }))
    }

    /// A line with no more than `width` columns.
    func cut(_ line: String, to width: Int) -> String {
        guard isASCII, line.count > width else { return Table.cut(line, to: width) }
        return line.prefix(max(0, width - 3)) + "..."
    }
}
