// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Configuration
import Foundation
import Synchronization

/// A configuration file in YAML or JSON, which is YAML as well.
package struct ConfigurationFile {
    package let path: String
    package let unknownKeys: [String]
    private let snapshot: YAMLSnapshot

    package init(path: String) throws(CommandFailure) {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw .usage("the configuration file \(path) can't be read: check the path and its permissions")
        }
        guard let text = String(validating: data, as: UTF8.self) else {
            throw .usage("the configuration file \(path) is not UTF-8: save it as UTF-8")
        }
        try self.init(path: path, text: text)
    }

    package init(path: String, text: String) throws(CommandFailure) {
        // A snapshot does not list its keys, but it asks of each whether its value is a secret.
        let keys = Mutex<Set<String>>([])
        do {
            let options = YAMLSnapshot.ParsingOptions(
                secretsSpecifier: .dynamic { key, _ in
                    keys.withLock { _ = $0.insert(key) }
                    return key == Setting.redisURL.key
                })
            let isEmpty = text.allSatisfy { $0.isWhitespace }
            let bytes = Array((isEmpty ? "{}" : text).utf8)
            snapshot = try YAMLSnapshot(data: bytes.span.bytes, providerName: path, parsingOptions: options)
        } catch {
            throw .usage(
                "the configuration file \(path) is not a YAML or JSON mapping of keys to values: \(Self.place(error))")
        }
        self.path = path
        let known = Set(Setting.allCases.map(\.key))
        unknownKeys = keys.withLock { $0 }.filter { !known.contains($0) && !$0.hasPrefix("queues.") }.sorted()
        weights = keys.withLock { $0 }.filter { $0.hasPrefix("queues.") }.sorted()
    }

    /// `queues` written as a mapping, by its flattened keys.
    private let weights: [String]

    func values(_ setting: Setting) throws(CommandFailure) -> [String]? {
        let key = AbsoluteConfigKey([setting.key])
        if case .string(let text)? = try? snapshot.value(forKey: key, type: .string).value?.content {
            return text.isEmpty ? nil : [text]
        }
        if case .stringArray(let values)? = try? snapshot.value(forKey: key, type: .stringArray).value?.content {
            guard setting.separator != nil || values.count == 1 else {
                throw .usage("\(setting.key) in \(path) has \(values.count) values: give one")
            }
            return values
        }
        guard setting == .queues, !weights.isEmpty else { return nil }
        return weights.map { weight in
            let parts = weight.split(separator: ".").map(String.init)
            guard
                case .string(let text)? = try? snapshot.value(forKey: AbsoluteConfigKey(parts), type: .string).value?
                    .content
            else { return weight }
            return "\(weight.dropFirst("queues.".count)):\(text)"
        }
    }

    /// What the parser says about the place, on one line and without the text that it found there, which may be a secret.
    private static func place(_ error: any Error) -> String {
        let text = String(describing: error)
        if let match = text.firstMatch(of: /(\d+):(\d+)/) { return "look at line \(match.1), column \(match.2)" }
        return "write lines such as concurrency: 20"
    }
}
