import SpanQueue

/// A duration to two digits or so, for people: `350ms`, `12s`, `3m5s`, `2h10m`, `4d`.
enum AgeText {
    static func format(_ age: Duration) -> String {
        let seconds = age.components.seconds
        switch seconds {
        case ..<1: return "\(max(0, age.milliseconds))ms"
        case ..<60: return "\(seconds)s"
        case ..<3600: return "\(seconds / 60)m\(seconds % 60)s"
        case ..<86_400: return "\(seconds / 3600)h\(seconds % 3600 / 60)m"
        default: return "\(seconds / 86_400)d\(seconds % 86_400 / 3600)h"
        }
    }
}
