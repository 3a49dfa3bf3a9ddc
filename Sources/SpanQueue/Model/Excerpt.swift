/// Text from outside, made fit to be stored and shown.
package enum Excerpt {
    /// At most `limit` bytes of `text`, cut between characters, with an ellipsis where something was cut.
    package static func bounded(_ text: String, bytes limit: Int) -> String {
        guard text.utf8.count > limit else { return text }
        let end = text.utf8.index(text.startIndex, offsetBy: max(0, limit - 3))
        var cut = end
        // Only so far back: a character may be made of any number of marks.
        for _ in 0..<64 where cut > text.startIndex && cut.samePosition(in: text) == nil {
            cut = text.utf8.index(before: cut)
        }
        if cut.samePosition(in: text) == nil { cut = end }
        while cut > text.startIndex, cut.samePosition(in: text.unicodeScalars) == nil {
            cut = text.utf8.index(before: cut)
        }
        return text[..<cut] + "…"
    }

    /// At most `limit` characters of `text` on one line, control characters as `\u{…}`.
    package static func printable(_ text: String, limit: Int) -> String {
        var shown = ""
        for scalar in text.unicodeScalars.prefix(limit) {
            shown += scalar.properties.generalCategory == .control ? scalar.escaped(asASCII: true) : String(scalar)
        }
        return text.unicodeScalars.count > limit ? shown + "…" : shown
    }
}
