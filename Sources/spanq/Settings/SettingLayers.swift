import Configuration
import Foundation

/// The places that settings are looked up in, the nearest first: flags, environment, file.
///
/// They are providers of swift-configuration. They are asked one by one and not through its reader, because the reader does not
/// say which of them answered, and every error and `--print-config` must.
struct SettingLayers {
    /// The values found for a setting, and where.
    struct Found {
        let values: [String]
        let source: SettingSource
    }

    private let flags: any ConfigSnapshot
    private let environment: any ConfigSnapshot
    private let file: ConfigurationFile?

    /// Keys in the file that mean nothing to us.
    var unknownKeys: [String] { file?.unknownKeys ?? [] }
    var filePath: String? { file?.path }

    init(flags: [Setting: [String]], environment: [String: String], file: ConfigurationFile?) {
        let values = flags.map { setting, values in
            (AbsoluteConfigKey([setting.key]), ConfigValue(.stringArray(values), isSecret: setting == .redisURL))
        }
        self.flags = InMemoryProvider(name: "flags", values: Dictionary(values) { first, _ in first }).snapshot()
        // An empty variable counts as unset: that is how compose files and units switch one off.
        let ours = environment.filter { $0.key.hasPrefix("SPANQ_") && !$0.value.isEmpty }
        self.environment = EnvironmentVariablesProvider(environmentVariables: ours)
            .prefixKeys(with: "spanq").snapshot()
        self.file = file
    }

    func find(_ setting: Setting) throws -> Found? {
        let key = AbsoluteConfigKey([setting.key])
        if case .stringArray(let values) = try flags.value(forKey: key, type: .stringArray).value?.content {
            return Found(values: values, source: .flag(setting.flag))
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
