// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

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
        appendFields(to: &line)
    }

    private func renderLogfmt(_ line: inout [UInt8]) {
        line += "time=\(time) level=\(level.rawValue) logger=".utf8
        LogText.appendValue(label, to: &line)
        line += " msg=".utf8
        LogText.appendValue(message, to: &line)
        appendFields(to: &line)
    }

    /// Each as `key=value`, after a blank.
    private func appendFields(to line: inout [UInt8]) {
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

/// Writes text from anywhere into a line of the log, so that it stays one line and looks like nothing else: control characters,
/// line and paragraph separators, and the invisible ones that reverse or hide text are escaped as JSON escapes them.
enum LogText {
    /// In bytes; what is longer is cut, and ends in `…`.
    static let longest = 8 << 10

    /// Appends a text between quotes, with escapes: a string of JSON, and of logfmt.
    static func appendQuoted(_ text: String, to line: inout [UInt8]) {
        line.append(UInt8(ascii: "\""))
        appendEscaped(text, escapesQuotes: true, to: &line)
        line.append(UInt8(ascii: "\""))
    }

    /// Appends a value of logfmt: as it stands where nothing in it could be mistaken, else between quotes.
    static func appendValue(_ text: String, to line: inout [UInt8]) {
        if isBare(text) {
            appendEscaped(text, escapesQuotes: false, to: &line)
        } else {
            appendQuoted(text, to: &line)
        }
    }

    /// Appends a text as it stands, but for what is escaped.
    static func appendPlain(_ text: String, to line: inout [UInt8]) {
        appendEscaped(text, escapesQuotes: false, to: &line)
    }

    /// Appends a key: letters, digits, `_`, `.` and `-`; anything else becomes `_`.
    static func appendKey(_ key: String, to line: inout [UInt8]) {
        line += key.utf8.prefix(128).map { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"):
                byte
            default: UInt8(ascii: "_")
            }
        }
        if key.isEmpty { line.append(UInt8(ascii: "_")) }
    }

    /// Whether a value needs no quotes.
    private static func isBare(_ text: String) -> Bool {
        !text.isEmpty
            && text.unicodeScalars.allSatisfy { scalar in
                if scalar.value < 0x80 {
                    return scalar.value > 0x20 && scalar.value != 0x7F && scalar != "\"" && scalar != "="
                        && scalar != "\\"
                }
                return !isUnsafe(scalar) && !scalar.properties.isWhitespace
            }
    }

    private static func appendEscaped(_ text: String, escapesQuotes: Bool, to line: inout [UInt8]) {
        let start = line.count
        for scalar in text.unicodeScalars {
            guard line.count - start < longest else {
                line += "…".utf8
                return
            }
            switch scalar {
            case "\"" where escapesQuotes: line += #"\""#.utf8
            case "\\" where escapesQuotes: line += #"\\"#.utf8
            case "\n": line += #"\n"#.utf8
            case "\r": line += #"\r"#.utf8
            case "\t": line += #"\t"#.utf8
            case _ where isUnsafe(scalar):
                for unit in Character(scalar).utf16 {
                    line += #"\u"#.utf8
                    for shift in [12, 8, 4, 0] { line.append(hexadecimal[Int(unit >> UInt16(shift)) & 0xF]) }
                }
            case _ where scalar.value < 0x80: line.append(UInt8(scalar.value))
            default: line += Character(scalar).utf8
            }
        }
    }

    private static let hexadecimal = Array("0123456789abcdef".utf8)

    private static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.value < 0x80 { return scalar.value < 0x20 || scalar.value == 0x7F }
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: return true
        default: return false
        }
    }
}
