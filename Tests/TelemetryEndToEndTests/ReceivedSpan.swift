// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// A span as the collector got it.
struct ReceivedSpan: Decodable, CustomStringConvertible {
    struct Link: Decodable, Equatable {
        let traceID: String
        let spanID: String

        enum CodingKeys: String, CodingKey {
            case traceID = "trace_id"
            case spanID = "span_id"
        }
    }

    enum Kind: Int, Decodable {
        case `internal` = 1
        case server, client, producer, consumer
    }

    let service: String
    let pid: Int
    let name: String
    let kind: Kind
    let traceID: String
    let spanID: String
    let parent: String?
    let start: UInt64
    let end: UInt64
    let flags: Int
    let attributes: [String: String]
    let links: [Link]
    let isError: Bool

    enum CodingKeys: String, CodingKey {
        case service, pid, name, kind, start, end, flags, attributes, links
        case traceID = "trace_id"
        case spanID = "span_id"
        case parent = "parent_span_id"
        case isError = "is_error"
    }

    var job: String? { attributes["messaging.message.id"] }
    var asLink: Link { Link(traceID: traceID, spanID: spanID) }
    var operation: String { attributes["messaging.operation.name"] ?? "" }
    var description: String { "\(name) \(spanID) < \(parent ?? "-") \(attributes["spanq.job.attempt"] ?? "")" }
}

extension [ReceivedSpan] {
    /// Those of one operation.
    func of(_ operation: String) -> [ReceivedSpan] { filter { $0.operation == operation } }
}
