/// The settings in force, for `--print-config`.
enum SettingsPage {
    static func print(_ entries: [SettingEntry], json: Bool) throws {
        if json {
            for entry in entries { try JSONLine.print(entry) }
            return
        }
        var table = Table(.text("SETTING"), .text("VALUE"), .text("FROM"))
        for entry in entries { table.add(entry.key, entry.value, entry.source) }
        table.print()
    }
}
