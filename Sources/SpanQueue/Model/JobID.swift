/// The name of a job, unique in its queue for as long as the job's record is kept.
///
/// SpanQueue's own ids are UUIDs of version 7 (RFC 9562, section 5.7): they sort by the time they were made. An
/// application may give ids of its own, which makes an enqueue idempotent.
public struct JobID: Sendable, Hashable, Codable, CustomStringConvertible, ExpressibleByStringLiteral {
    /// The id as text.
    public let description: String

    /// Takes an id given from outside.
    ///
    /// - Throws: `SpanQueueError` with `.invalidArgument` unless it is 1 to 128 of `A-Z a-z 0-9 _ . : - @ + =`.
    public init(_ text: String) throws(SpanQueueError) {
        try NameRule.jobID.check(text)
        self.description = text
    }

    /// An id that stands in the source code. One that is not allowed is a mistake of the program, found the first time that the line
    /// runs: it ends the process, as an array's index out of range does. Any text that is not a literal goes through `init(_:)`.
    public init(stringLiteral text: String) {
        precondition(
            NameRule.jobID.allows(text),
            "the job id in the source is not allowed: use 1 to 128 of \(NameRule.jobID.alphabet)")
        self.description = text
    }

    /// An id that the engine itself has stored.
    package init(unchecked text: String) {
        self.description = text
    }

    /// A fresh UUID of version 7 of the present time.
    public static func random() -> JobID {
        JobID(unchecked: UUIDv7.make().description)
    }

    /// Reads the id as plain text.
    public init(from decoder: any Decoder) throws {
        try self.init(decoder.singleValueContainer().decode(String.self))
    }

    /// Writes the id as plain text.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
