/// How values become bytes and bytes become values again: payloads of jobs of a Swift type, and results.
///
/// `JSONJobCoding` unless `JobQueueConfiguration.coding` is another. All producers and workers of a queue must use coders that
/// understand each other.
public protocol JobCoding: Sendable {
    /// The bytes of a value. Equal values must have equal bytes, or a unique job is not recognised as one that is there.
    func encode<Value: Encodable>(_ value: Value) throws -> [UInt8]
    /// The value that bytes stand for.
    func decode<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws -> Value
}

/// Errors of coders in words.
enum CodingProblem {
    /// What is wrong, and where.
    static func describe(_ error: any Error) -> String {
        switch error {
        case DecodingError.keyNotFound(let key, let context):
            "the key \"\(key.stringValue)\" is missing\(place(context.codingPath))"
        case DecodingError.typeMismatch(let type, let context):
            "expected \(type)\(place(context.codingPath)): \(context.debugDescription)"
        case DecodingError.valueNotFound(let type, let context):
            "expected \(type), found null\(place(context.codingPath))"
        case DecodingError.dataCorrupted(let context):
            "\(context.debugDescription)\(place(context.codingPath))"
        case EncodingError.invalidValue(let value, let context):
            "\(Swift.type(of: value)) has a value that the format can't hold\(place(context.codingPath))"
        default:
            String(describing: error)
        }
    }

    private static func place(_ path: [any CodingKey]) -> String {
        path.isEmpty ? "" : " at " + path.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }.joined(separator: ".")
    }
}
