// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import CSpanQueueWeb
import Foundation
import HTTPFixture

/// The description of the interface, and what an answer has to be by it.
///
/// `@unchecked Sendable`: made of JSON that is never changed.
struct APIDocument: @unchecked Sendable {
    private let root: [String: Any]

    struct Malformed: Error {}

    init() throws {
        var size = 0
        let data = Data(bytes: spanqueue_web_openapi(&size), count: size)
        guard let root = try JSONSerialization.jsonObject(with: data) as? [String: Any] else { throw Malformed() }
        self.root = root
    }

    private var paths: [String: [String: [String: Any]]] { root["paths"] as? [String: [String: [String: Any]]] ?? [:] }

    /// `GET /api/v1/jobs/{id}` for each operation, with the names of its query's parameters.
    var operations: [String: Set<String>] {
        var operations: [String: Set<String>] = [:]
        for (path, item) in paths {
            for (method, operation) in item {
                let parameters = operation["parameters"] as? [[String: Any]] ?? []
                operations["\(method.uppercased()) \(path)"] = Set(
                    parameters.filter { $0["in"] as? String == "query" }.compactMap { $0["name"] as? String })
            }
        }
        return operations
    }

    /// The operations that may have a body.
    var withBody: Set<String> {
        Set(
            paths.flatMap { path, item in
                item.filter { $0.value["requestBody"] != nil }.map { "\($0.key.uppercased()) \(path)" }
            })
    }

    /// The operation that a request is one of.
    func operation(_ method: String, _ target: String) -> String? {
        let parts = target.prefix { $0 != "?" }.split(separator: "/")
        let matching = paths.keys.filter { path in
            let pattern = path.split(separator: "/")
            return pattern.count == parts.count
                && zip(pattern, parts).allSatisfy { $0.hasPrefix("{") || $0 == $1 }
        }
        return matching.first { paths[$0]?[method.lowercased()] != nil }.map { "\(method) \($0)" }
    }

    /// What is wrong with an answer; nothing for a path or method that is not described, which has to be refused.
    func problems(of answer: WebAnswer, to method: String, _ target: String) -> [String] {
        guard let operation = operation(method, target) else {
            guard [400, 401, 403, 404, 405].contains(answer.status) else {
                return ["\(answer.status), and is not described"]
            }
            return check(answer, ["$ref": "#/components/responses/NotFound"])
        }
        let path = String(operation.drop { $0 != "/" })
        let responses = paths[path]?[method.lowercased()]?["responses"] as? [String: [String: Any]] ?? [:]
        guard let response = responses["\(answer.status)"] else { return ["status \(answer.status) is not described"] }
        return check(answer, response)
    }

    private func check(_ answer: WebAnswer, _ response: [String: Any]) -> [String] {
        let response = resolve(response)
        guard let content = response["content"] as? [String: [String: Any]] else {
            return answer.bytes.isEmpty ? [] : ["a body that is not described"]
        }
        guard let type = answer.headers["content-type"], let schema = content[type]?["schema"] as? [String: Any] else {
            return ["the content type \(answer.headers["content-type"] ?? "-") is not described"]
        }
        let texts = type == "application/x-ndjson" ? answer.text.split(separator: "\n").map(String.init) : [answer.text]
        return texts.flatMap { text in
            guard let value = try? JSONSerialization.jsonObject(with: Data(text.utf8)) else { return ["no JSON"] }
            return problems(value, schema, "$")
        }
    }

    private func resolve(_ object: [String: Any]) -> [String: Any] {
        guard let reference = object["$ref"] as? String else { return object }
        var place: Any = root
        for part in reference.dropFirst(2).split(separator: "/") {
            place = (place as? [String: Any])?[String(part)] ?? [:]
        }
        return place as? [String: Any] ?? [:]
    }

    // MARK: JSON Schema, as much of it as the description uses

    private static let words: Set<String> = [
        "$ref", "type", "properties", "required", "additionalProperties", "items", "anyOf", "enum", "minimum",
        "maximum",
        "format", "description", "examples", "default",
    ]

    private func problems(_ value: Any, _ schema: [String: Any], _ place: String) -> [String] {
        let schema = resolve(schema)
        if let odd = schema.keys.first(where: { !Self.words.contains($0) }) {
            return ["\(place): the check does not know \(odd)"]
        }
        if let choices = schema["anyOf"] as? [[String: Any]] {
            return choices.contains { problems(value, $0, place).isEmpty } ? [] : ["\(place): none of the choices"]
        }
        let types = (schema["type"] as? [String]) ?? (schema["type"] as? String).map { [$0] } ?? []
        let kind = Self.kind(value)
        guard types.isEmpty || types.contains(kind) || (kind == "integer" && types.contains("number")) else {
            return ["\(place): \(kind), not \(types)"]
        }
        var found: [String] = []
        if let known = schema["enum"] as? [String], let text = value as? String, !known.contains(text) {
            found.append("\(place): \(text) is not one of \(known)")
        }
        if kind == "integer" || kind == "number", let number = (value as? NSNumber)?.doubleValue {
            if let least = (schema["minimum"] as? NSNumber)?.doubleValue, number < least {
                found.append("\(place): too low")
            }
            if let most = (schema["maximum"] as? NSNumber)?.doubleValue, number > most {
                found.append("\(place): too high")
            }
        }
        if schema["format"] as? String == "date-time", let text = value as? String,
            text.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) == nil
        {
            found.append("\(place): \(text) is no time")
        }
        if let items = schema["items"] as? [String: Any], let values = value as? [Any] {
            for (index, item) in values.enumerated() { found += problems(item, items, "\(place)[\(index)]") }
        }
        guard let object = value as? [String: Any] else { return found }
        let properties = schema["properties"] as? [String: [String: Any]] ?? [:]
        for name in schema["required"] as? [String] ?? [] where object[name] == nil {
            found.append("\(place): \(name) is missing")
        }
        for (name, member) in object {
            if let schema = properties[name] {
                found += problems(member, schema, "\(place).\(name)")
            } else if schema["additionalProperties"] as? Bool == false {
                found.append("\(place): \(name) is not described")
            }
        }
        return found
    }

    private static func kind(_ value: Any) -> String {
        switch value {
        case is NSNull: return "null"
        case is String: return "string"
        case is [Any]: return "array"
        case is [String: Any]: return "object"
        case let number as NSNumber:
            if CFBooleanKind.isBoolean(number) { return "boolean" }
            return number.doubleValue == number.doubleValue.rounded() ? "integer" : "number"
        default: return "unknown"
        }
    }
}

private enum CFBooleanKind {
    /// Foundation reads `true` as a number of the type of a `Bool`.
    static func isBoolean(_ number: NSNumber) -> Bool { String(cString: number.objCType) == "c" }
}
