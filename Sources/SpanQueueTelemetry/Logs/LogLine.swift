internal import Logging

/// One line of the log.
struct LogLine {
    var time: String
    var level: Logger.Level
    var label: String
    var message: String
    var metadata: Logger.Metadata = [:]

    /// In bytes, without the end; fields that do not fit any more are left out, and `truncated=true` says so.
    static let longest = 64 << 10

    /// With its newline.
    func rendered(as format: LogFormat) -> [UInt8] {
        var line: [UInt8] = []
        line.reserveCapacity(256)
        switch format {
        case .json: renderJSON(&line)
        case .logfmt: renderLogfmt(&line)
        default: renderText(&line)
        }
        line.append(UInt8(ascii: "\n"))
        return line
    }

    private func renderText(_ line: inout [UInt8]) {
        line += time.utf8
        line += " \(level.rawValue)".utf8
        // "critical" is the longest.
        line += String(repeating: " ", count: max(1, 9 - level.rawValue.utf8.count)).utf8
        LogText.appendPlain(message, to: &line)
        guard !metadata.isEmpty else { return }
        line.append(UInt8(ascii: " "))
        for (key, value) in fields {
            guard line.count < Self.longest else {
                line += " truncated=true".utf8
                return
            }
            line.append(UInt8(ascii: " "))
            LogText.appendKey(key, to: &line)
            line.append(UInt8(ascii: "="))
            LogText.appendValue(value.description, to: &line)
        }
    }

    private func renderLogfmt(_ line: inout [UInt8]) {
        line += "time=\(time) level=\(level.rawValue) logger=".utf8
        LogText.appendValue(label, to: &line)
        line += " msg=".utf8
        LogText.appendValue(message, to: &line)
        for (key, value) in fields {
            guard line.count < Self.longest else {
                line += " truncated=true".utf8
                return
            }
            line.append(UInt8(ascii: " "))
            LogText.appendKey(key, to: &line)
            line.append(UInt8(ascii: "="))
            LogText.appendValue(value.description, to: &line)
        }
    }

    private func renderJSON(_ line: inout [UInt8]) {
        line += #"{"time":"\#(time)","level":"\#(level.rawValue)","logger":"#.utf8
        LogText.appendQuoted(label, to: &line)
        line += #","msg":"#.utf8
        LogText.appendQuoted(message, to: &line)
        for (key, value) in fields {
            line += #",""#.utf8
            guard line.count < Self.longest else {
                line += #"truncated":true"#.utf8
                break
            }
            LogText.appendKey(key, to: &line)
            line += #"":"#.utf8
            append(value, to: &line)
        }
        line.append(UInt8(ascii: "}"))
    }

    private func append(_ value: Logger.MetadataValue, to line: inout [UInt8]) {
        switch value {
        case .string(let text): LogText.appendQuoted(text, to: &line)
        case .stringConvertible(let value): LogText.appendQuoted(value.description, to: &line)
        case .array(let values):
            line.append(UInt8(ascii: "["))
            for (index, value) in values.enumerated() where line.count < Self.longest {
                if index > 0 { line.append(UInt8(ascii: ",")) }
                append(value, to: &line)
            }
            line.append(UInt8(ascii: "]"))
        case .dictionary(let members):
            line.append(UInt8(ascii: "{"))
            for (index, member) in members.sorted(by: { $0.key < $1.key }).enumerated() where line.count < Self.longest
            {
                if index > 0 { line.append(UInt8(ascii: ",")) }
                LogText.appendQuoted(member.key, to: &line)
                line.append(UInt8(ascii: ":"))
                append(member.value, to: &line)
            }
            line.append(UInt8(ascii: "}"))
        }
    }

    /// In the order of their names. One that is called as a field of our own can't pass for it.
    private var fields: [(key: String, value: Logger.MetadataValue)] {
        metadata.sorted { $0.key < $1.key }.map { key, value in
            (Self.ownNames.contains(key) ? key + "_" : key, value)
        }
    }

    private static let ownNames: Set<String> = ["time", "level", "logger", "msg", "truncated"]
}
