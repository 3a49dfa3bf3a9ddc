/// How lines of the log look.
public struct LogFormat: Sendable, Hashable {
    /// One of `text`, `logfmt`, `json`.
    public let name: String

    private init(_ name: String) {
        self.name = name
    }

    /// For people: time, level, message, then what belongs to it as `key=value`.
    public static let text = LogFormat("text")
    /// `key=value` throughout, `time`, `level`, `logger` and `msg` first (https://brandur.org/logfmt).
    public static let logfmt = LogFormat("logfmt")
    /// A JSON object a line; the same members, and those of the metadata beside them.
    public static let json = LogFormat("json")

    /// All of them.
    public static let all: [LogFormat] = [.text, .logfmt, .json]

    /// The format of this name; nil where there is none.
    public init?(named name: String) {
        guard let found = Self.all.first(where: { $0.name == name }) else { return nil }
        self = found
    }
}
