import SpanQueue

/// A handler as `--exec` and `--http` name it: `PATTERN=TARGET`.
struct HandlerRule: Equatable {
    let pattern: String
    let target: String

    /// - Parameter example: what to write instead of something that is none.
    init(_ text: String, example: String) throws(SettingProblem) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, !parts[1].allSatisfy(\.isWhitespace) else {
            throw SettingProblem("\"\(Masking.url(text))\" has no pattern or nothing behind it: write '\(example)'")
        }
        pattern = String(parts[0])
        target = String(parts[1])
        let prefix = pattern.hasSuffix("*") ? String(pattern.dropLast()) : pattern
        if !prefix.isEmpty { try SettingProblem.wrap { try NameRule.jobType.check(prefix) } }
    }
}
