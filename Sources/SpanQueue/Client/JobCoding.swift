import Foundation

/// How payloads of Swift types are written: JSON with sorted keys, so that equal values have equal bytes and a unique job is
/// recognised by them.
enum JobCoding {
    // One of each for the process: they are not changed any more, and keep no state between calls.
    private static let encoder = {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        return encoder
    }()
    private static let decoder = {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        return decoder
    }()

    static func encode(_ job: some Job) throws(SpanQueueError) -> [UInt8] {
        do {
            return Array(try encoder.encode(job))
        } catch {
            throw SpanQueueError(
                .invalidArgument, "\(type(of: job).jobType) can't be encoded as JSON: \(describe(error))",
                underlying: error)
        }
    }

    static func decode<J: Job>(_ type: J.Type, from payload: [UInt8]) throws -> J {
        try decoder.decode(type, from: Data(payload))
    }

    /// A coding error in words: what is wrong, and where.
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
            "\(Swift.type(of: value)) has a value that JSON has not\(place(context.codingPath))"
        default:
            String(describing: error)
        }
    }

    private static func place(_ path: [any CodingKey]) -> String {
        path.isEmpty ? "" : " at " + path.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }.joined(separator: ".")
    }
}
