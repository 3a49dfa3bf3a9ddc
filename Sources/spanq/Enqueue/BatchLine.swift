import Foundation
import SpanQueue

/// One line of a batch: a JSON object with a job's type, payload and options.
struct BatchLine {
    let request: EnqueueRequest

    /// - Parameters:
    ///   - defaults: the options of lines that do not name them.
    ///   - type: the type of lines that do not name one.
    /// - Throws: a usage error that says what is wrong with the line.
    init(_ line: [UInt8], defaults: JobOptions, type: String?, checkJSON: Bool) throws(CommandFailure) {
        let fields: Fields
        do {
            fields = try JSONDecoder().decode(Fields.self, from: Data(line))
        } catch let DecodingError.typeMismatch(_, context) where !context.codingPath.isEmpty {
            throw .usage("\(context.codingPath[0].stringValue) has a value of the wrong kind")
        } catch DecodingError.dataCorrupted(let context) where !context.codingPath.isEmpty {
            throw .usage("\(context.codingPath[0].stringValue): \(context.debugDescription)")
        } catch {
            throw .usage("not a JSON object: write {\"type\":\"email:welcome\",\"payload\":{}}")
        }
        guard let type = fields.type ?? type else { throw .usage("no type: add \"type\":\"email:welcome\"") }
        guard fields.unknown.isEmpty else {
            let names = fields.unknown.sorted().prefix(5).map { Excerpt.printable($0, limit: 40) }
            throw .usage("unknown members \(names.joined(separator: ", ")): see spanq enqueue --help")
        }
        let payload = try Self.payload(fields, line)
        if checkJSON { try PayloadSource.check(payload) }
        let options = try fields.options.orElse(defaults).parsed()
        request = EnqueueRequest(type: type, payload: payload, options: options)
    }

    /// A text is the payload itself; any other value is stored as it is written.
    private static func payload(_ fields: Fields, _ line: [UInt8]) throws(CommandFailure) -> [UInt8] {
        if let base64 = fields.payloadBase64 {
            guard let data = Data(base64Encoded: base64) else { throw .usage("payload_base64 is not base64") }
            return Array(data)
        }
        if let text = fields.payloadText { return Array(text.utf8) }
        return JSONMember.value(of: "payload", in: line).map { Array($0) } ?? Array("{}".utf8)
    }

    private struct Fields: Decodable {
        var type: String?
        var payloadText: String?
        var payloadBase64: String?
        var options = JobOptions()
        var unknown: [String] = []

        private struct Key: CodingKey {
            let stringValue: String
            var intValue: Int? { nil }
            init(stringValue: String) { self.stringValue = stringValue }
            init?(intValue: Int) { nil }
        }

        init(from decoder: any Decoder) throws {
            let object = try decoder.container(keyedBy: Key.self)
            func text(_ key: Key) throws -> String? { try object.decodeIfPresent(String.self, forKey: key) }
            for key in object.allKeys {
                switch key.stringValue {
                case "type": type = try text(key)
                case "payload": payloadText = try? text(key)
                case "payload_base64": payloadBase64 = try text(key)
                case "queue": options.queue = try text(key)
                case "delay": options.delay = try text(key)
                case "at": options.at = try text(key)
                case "max_retries": options.maxRetries = try object.decodeIfPresent(Int.self, forKey: key)
                case "timeout": options.timeout = try text(key)
                case "deadline": options.deadline = try text(key)
                case "unique": options.unique = try text(key)
                case "unique_key": options.uniqueKey = try text(key)
                case "priority": options.priority = try object.decodeIfPresent(Int.self, forKey: key)
                case "retention": options.retention = try text(key)
                case "tags": options.tags = try object.decodeIfPresent([String].self, forKey: key)
                case "id": options.id = try text(key)
                default: unknown.append(key.stringValue)
                }
            }
        }
    }
}

extension JobOptions {
    /// These, and for those that are absent the others. Delay and at stand for one choice.
    func orElse(_ other: JobOptions) -> JobOptions {
        var options = self
        options.queue = queue ?? other.queue
        if delay == nil, at == nil { (options.delay, options.at) = (other.delay, other.at) }
        options.maxRetries = maxRetries ?? other.maxRetries
        options.timeout = timeout ?? other.timeout
        options.deadline = deadline ?? other.deadline
        options.unique = unique ?? other.unique
        options.uniqueKey = uniqueKey ?? other.uniqueKey
        options.priority = priority ?? other.priority
        options.retention = retention ?? other.retention
        options.tags = tags ?? other.tags
        options.id = id ?? other.id
        return options
    }
}
