internal import Foundation

/// What a collector says in the body of a 2xx: how many items it did not take, although the request was sound. They are not sent
/// again (OTLP, "Partial Success").
enum PartialSuccess {
    private struct Answer: Decodable {
        struct Part: Decodable {
            var rejectedSpans: Count?
            var rejectedDataPoints: Count?
            var rejectedLogRecords: Count?
        }
        var partialSuccess: Part?
    }

    /// A 64-bit number: a string by the JSON form of protobuf, a number by some collectors.
    private struct Count: Decodable {
        let value: Int

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let text = try? container.decode(String.self) {
                value = Int(text) ?? 0
            } else {
                value = try container.decode(Int.self)
            }
        }
    }

    /// How many items were rejected; 0 where the body is empty, cut off, or no JSON.
    static func rejected(in body: [UInt8], of signal: OTLPSignal) -> Int {
        guard !body.isEmpty, let answer = try? JSONDecoder().decode(Answer.self, from: Data(body)) else { return 0 }
        let count =
            switch signal {
            case .traces: answer.partialSuccess?.rejectedSpans
            case .metrics: answer.partialSuccess?.rejectedDataPoints
            case .logs: answer.partialSuccess?.rejectedLogRecords
            }
        return max(0, count?.value ?? 0)
    }
}
