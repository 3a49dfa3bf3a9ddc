/// Where a value came from.
enum SettingSource: Equatable {
    case flag(String)
    case environment(String)
    case file(key: String, path: String)
    case standard

    /// For errors and for `--print-config`.
    var description: String {
        switch self {
        case .flag(let name): name
        case .environment(let name): name
        case .file(let key, let path): "\(key) in \(path)"
        case .standard: "default"
        }
    }

    /// Nearer sources win: a lower rank.
    var rank: Int {
        switch self {
        case .flag: 0
        case .environment: 1
        case .file: 2
        case .standard: 3
        }
    }
}
