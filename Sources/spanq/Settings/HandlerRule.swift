// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueue
import SpanQueueCommand
import SpanQueueHandlers

/// A handler as `--exec` and `--http` name it: `PATTERN=TARGET`.
struct HandlerRule: Equatable {
    let pattern: String
    let target: String

    /// - Parameter example: what to write instead of something that is none.
    init(_ text: String, example: String) throws(SettingProblem) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, !parts[1].allSatisfy(\.isWhitespace) else {
            throw SettingProblem("\"\(Masking.url(text))\" has no pattern or nothing behind it: write '\(example)'")
        }
        pattern = String(parts[0])
        target = String(parts[1])
        let prefix = pattern.hasSuffix("*") ? String(pattern.dropLast()) : pattern
        if !prefix.isEmpty { try SettingProblem.wrap { try NameRule.jobType.check(prefix) } }
    }
}

/// `PATTERN=VALUE`, where the pattern is that of an `--http`: something that goes along with its deliveries.
struct DeliveryRule<Value: Sendable>: Sendable {
    let pattern: String
    let value: Value
    /// For `--print-config`.
    let shown: String
}

extension DeliveryRule where Value == HTTPHeader {
    static var example: String { "hook:*=X-Api-Key: env:HOOK_KEY" }

    /// `PATTERN=NAME: VALUE`
    init(header text: String, of rules: [HandlerRule]) throws(SettingProblem) {
        let (pattern, rest) = try deliveryParts(text, of: rules, example: Self.example)
        let parts = rest.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else {
            throw SettingProblem("there is no header behind \(pattern)=: write '\(Self.example)'")
        }
        let name = String(parts[0])
        let secret = parts[1].trimmingPrefix { $0 == " " }
        let header = try SecretText.read(String(secret))
        self.init(
            pattern: pattern, value: try SettingProblem.wrap { try HTTPHeader(name: name, value: header) },
            shown: "\(pattern)=\(name): \(SecretText.shown(String(secret)))")
    }
}

extension DeliveryRule where Value == WebhookKey {
    static var example: String { "hook:*=file:/run/secrets/hook" }

    /// `PATTERN=KEY`
    init(key text: String, of rules: [HandlerRule]) throws(SettingProblem) {
        let (pattern, rest) = try deliveryParts(text, of: rules, example: Self.example)
        let secret = try SecretText.read(rest)
        self.init(
            pattern: pattern, value: try SettingProblem.wrap { try WebhookKey(secret) },
            shown: "\(pattern)=\(SecretText.shown(rest))")
    }
}

/// The two sides of `PATTERN=…`. What is wrong is said without the text, which may hold a secret.
private func deliveryParts(
    _ text: String, of rules: [HandlerRule], example: String
) throws(SettingProblem) -> (pattern: String, rest: String) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[1].isEmpty else {
        throw SettingProblem("it has no pattern, or nothing behind it: write '\(example)'")
    }
    let pattern = String(parts[0])
    guard rules.contains(where: { $0.pattern == pattern }) else {
        let known = rules.map(\.pattern).joined(separator: ", ")
        throw SettingProblem(
            "no --http has the pattern it begins with; " + (known.isEmpty ? "there is no --http" : "there is \(known)"))
    }
    return (pattern, String(parts[1]))
}
