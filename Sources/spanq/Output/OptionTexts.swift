import SpanQueue

extension UniqueSpan {
    /// As `--unique` takes it.
    var text: String {
        switch kind {
        case .untilStarted: "until-started"
        case .untilFinished: "until-finished"
        case .duration(let duration): DurationText.format(duration)
        }
    }
}

extension Retention {
    /// As `--retention` takes it; nil for what Redis' settings say.
    var text: String? {
        switch kind {
        case .standard: nil
        case .none: "none"
        case .duration(let duration): DurationText.format(duration)
        }
    }
}

extension [UInt8] {
    var hexadecimal: String { map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }
}
