// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Configuration
import Foundation
import SpanQueue

/// Reads settings one by one, tells bad values with their source, and remembers what was read for `--print-config`.
package struct SettingsReader {
    package let layers: SettingLayers
    package private(set) var entries: [SettingEntry] = []

    package init(_ layers: SettingLayers) {
        self.layers = layers
    }

    /// Reads a setting.
    ///
    /// - Parameters:
    ///   - shown: how the value is printed; secrets are masked here.
    ///   - parse: turns the text into a value; what it throws is shown behind the source's name.
    package mutating func value<Value>(
        _ setting: Setting, default standard: Value, shown: (Value) -> String,
        parse: ([String]) throws(SettingProblem) -> Value
    ) throws -> Value {
        guard let found = try layers.find(setting) else {
            entries.append(SettingEntry(setting: setting, value: shown(standard), source: .standard))
            return standard
        }
        do throws(SettingProblem) {
            let value = try parse(found.values)
            entries.append(SettingEntry(setting: setting, value: shown(value), source: found.source))
            return value
        } catch {
            throw CommandFailure.usage("\(found.source.description): \(error.message)")
        }
    }

    /// Reads a duration. `check` applies bounds that are known elsewhere.
    package mutating func duration(
        _ setting: Setting, default standard: Duration?, check: (Duration) throws -> Void = { _ in }
    ) throws -> Duration? {
        try value(setting, default: standard, shown: { $0.map(DurationText.format) ?? "none" }) {
            values throws(SettingProblem) in
            let text = values.joined(separator: ",")
            guard let duration = DurationText.parse(text) else {
                throw SettingProblem("\"\(text)\" is not a duration: write it as 500ms, 2s, 10m or 1h")
            }
            try SettingProblem.wrap { try check(duration) }
            return duration
        }
    }

    /// Reads a whole number.
    package mutating func integer(_ setting: Setting, default standard: Int, check: (Int) throws -> Void) throws -> Int
    {
        try value(setting, default: standard, shown: { "\($0)" }) { values throws(SettingProblem) in
            let text = values.joined(separator: ",")
            guard let number = Int(text) else {
                throw SettingProblem("\"\(text)\" is not a whole number: write it as 20")
            }
            try SettingProblem.wrap { try check(number) }
            return number
        }
    }

    /// Reads a text, such as a path.
    package mutating func text(_ setting: Setting) throws -> String? {
        try value(setting, default: nil, shown: { $0 ?? "none" }) { values throws(SettingProblem) in
            let text = values.joined(separator: ",")
            guard !text.isEmpty else { throw SettingProblem("is empty: give it a value, or leave it out") }
            return text
        }
    }

    /// Reads a choice of yes or no; no unless set.
    package mutating func flag(_ setting: Setting) throws -> Bool {
        try choice(setting, unset: "false") ?? false
    }

    /// Reads a choice of yes or no; nil, which is shown as `unset`, unless set.
    package mutating func choice(_ setting: Setting, unset: String) throws -> Bool? {
        try value(setting, default: nil, shown: { $0.map { "\($0)" } ?? unset }) { values throws(SettingProblem) in
            switch values.joined(separator: ",").lowercased() {
            case "true", "yes", "1", "on": return true
            case "false", "no", "0", "off": return false
            case let text: throw SettingProblem("\"\(text)\" is neither true nor false: write one of them")
            }
        }
    }

    /// Notes a value that was read in another way.
    package mutating func note(_ entry: SettingEntry) {
        entries.append(entry)
    }
}

/// The places that settings are looked up in, the nearest first: flags, environment, file.
///
/// They are providers of swift-configuration. They are asked one by one and not through its reader, because the reader does not
/// say which of them answered, and every error and `--print-config` must.
package struct SettingLayers {
    /// The values found for a setting, and where.
    package struct Found {
        package let values: [String]
        package let source: SettingSource
    }

    private let flags: any ConfigSnapshot
    private let environment: any ConfigSnapshot
    private let file: ConfigurationFile?
    private let names: [Setting: String]

    /// Keys in the file that mean nothing to us.
    package var unknownKeys: [String] { file?.unknownKeys ?? [] }
    package var filePath: String? { file?.path }

    /// - Parameter names: of flags that a program calls otherwise than `Setting` does.
    package init(
        flags: [Setting: [String]], environment: [String: String], file: ConfigurationFile?,
        names: [Setting: String] = [:]
    ) {
        self.names = names
        let values = flags.map { setting, values in
            (
                AbsoluteConfigKey([setting.key]),
                ConfigValue(.stringArray(values), isSecret: setting == .redisURL || setting == .url)
            )
        }
        self.flags = InMemoryProvider(name: "flags", values: Dictionary(values) { first, _ in first }).snapshot()
        // An empty variable counts as unset: that is how compose files and units switch one off.
        let ours = environment.filter { $0.key.hasPrefix("SPANQ_") && !$0.value.isEmpty }
        self.environment = EnvironmentVariablesProvider(environmentVariables: ours)
            .prefixKeys(with: "spanq").snapshot()
        self.file = file
    }

    package func find(_ setting: Setting) throws -> Found? {
        let key = AbsoluteConfigKey([setting.key])
        if case .stringArray(let values) = try flags.value(forKey: key, type: .stringArray).value?.content {
            return Found(values: values, source: .flag(names[setting] ?? setting.flag))
        }
        if case .string(let text) = try environment.value(forKey: key, type: .string).value?.content {
            return Found(values: split(text, by: setting.separator), source: .environment(setting.variable))
        }
        if let file, let values = try file.values(setting) {
            let source = SettingSource.file(key: setting.key, path: file.path)
            return Found(values: values, source: source)
        }
        return nil
    }

    private func split(_ text: String, by separator: Character?) -> [String] {
        guard let separator else { return [text] }
        return text.split(separator: separator).map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    }
}
