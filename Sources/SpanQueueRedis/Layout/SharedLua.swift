/// The files in `Scripts/Shared`, and how they come into the scripts.
struct SharedLua {
    private var sources: [String: [UInt8]] = [:]
    private static let mark = Array("-- include ".utf8)

    mutating func add(_ name: String, _ source: [UInt8]) {
        sources[name] = source
    }

    /// A script with each line `-- include NAME` replaced by the file of that name. A name that there is not leaves its line, a comment,
    /// and the script fails at its first call of what it lacks: a test runs each.
    func including(in script: [UInt8]) -> [UInt8] {
        var whole: [UInt8] = []
        for line in script.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            if line.starts(with: Self.mark),
                let source = sources[String(decoding: line.dropFirst(Self.mark.count), as: UTF8.self)]
            {
                whole += source
            } else {
                whole += line
            }
            whole.append(UInt8(ascii: "\n"))
        }
        whole.removeLast()
        return whole
    }
}
