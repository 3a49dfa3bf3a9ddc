/// A setting in force, as `--print-config` shows it.
struct SettingEntry: Encodable {
    let key: String
    let value: String
    let source: String

    init(setting: Setting, value: String, source: SettingSource) {
        self.key = setting.key
        self.value = value
        self.source = source.description
    }
}
