// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Logging
import Testing

@testable import SpanQueueTelemetry

@Suite("A line of the log")
struct LogLineTests {
    private func line(_ message: String, _ metadata: Logger.Metadata = [:]) -> LogLine {
        LogLine(
            time: "2026-11-21T09:30:00.125Z", level: .warning, label: "spanq", message: message, metadata: metadata)
    }

    private func text(_ line: LogLine, _ format: LogFormat) -> String {
        String(decoding: line.rendered(as: format), as: UTF8.self)
    }

    private let sample: Logger.Metadata = ["job_id": "j-1", "error": "no route: \"x\"", "n": "\(3)"]

    @Test("for people: time, level, message, then what belongs to it")
    func forPeople() {
        #expect(
            text(line("can't claim", sample), .text)
                == "2026-11-21T09:30:00.125Z warning  can't claim  error=\"no route: \\\"x\\\"\" job_id=j-1 n=3\n")
        #expect(text(line("plain"), .text) == "2026-11-21T09:30:00.125Z warning  plain\n")
    }

    @Test("in logfmt every value that could be mistaken is quoted")
    func logfmt() {
        #expect(
            text(line("can't claim", sample), .logfmt)
                == "time=2026-11-21T09:30:00.125Z level=warning logger=spanq msg=\"can't claim\" error=\"no route: \\\"x\\\"\" job_id=j-1 n=3\n"
        )
        let values = ["empty": "", "equals": "a=b", "back": "a\\b", "umlaut": "grün", "address": "127.0.0.1:1"]
        let written = text(line("x", values.mapValues { .string($0) }), .logfmt)
        #expect(
            written.hasSuffix(
                #" msg=x address=127.0.0.1:1 back="a\\b" empty="" equals="a=b" umlaut=grün"# + "\n"))
    }

    @Test("in JSON it is an object, and nested metadata is too")
    func json() throws {
        let metadata: Logger.Metadata = [
            "error": "tab\there \u{1F600} \u{E0001}", "list": ["a", "b\n"], "map": ["k\"": "v", "deep": ["x": "1"]],
        ]
        let written = text(line("say \"hi\"", metadata), .json)
        #expect(written.filter { $0 == "\n" }.count == 1)
        let object = try #require(try JSONSerialization.jsonObject(with: Data(written.utf8)) as? [String: Any])
        #expect(object["msg"] as? String == "say \"hi\"")
        #expect(object["error"] as? String == "tab\there \u{1F600} \u{E0001}")
        #expect(object["list"] as? [String] == ["a", "b\n"])
        #expect((object["map"] as? [String: Any])?["k\""] as? String == "v")
    }

    @Test("no text from outside ends it, steers a terminal or reads backwards", arguments: LogFormat.all)
    func hostile(format: LogFormat) {
        let bad =
            "a\nb\rc\u{0}d\u{1B}[2Je\u{7F}f\u{85}g\u{9B}h\u{2028}i\u{2029}j\u{202E}k\u{200B}l\u{FEFF}m\u{2066}n\u{AD}o"
        let written = text(line(bad, [bad: "\(bad)", "list": [.string(bad)]]), format)
        #expect(written.unicodeScalars.filter { $0 == "\n" }.count == 1 && written.hasSuffix("\n"))
        let unsafe = written.unicodeScalars.dropLast().filter {
            [.control, .format, .lineSeparator, .paragraphSeparator].contains($0.properties.generalCategory)
        }
        #expect(unsafe.isEmpty)
        for (index, letter) in "abcdefghijklmno".enumerated() where index > 0 { #expect(written.contains(letter)) }
    }

    @Test("metadata can't pass for the fields of our own", arguments: [LogFormat.logfmt, .json])
    func reserved(format: LogFormat) throws {
        let names: Logger.Metadata = ["time": "1", "level": "info", "msg": "forged", "logger": "x", "a b=c": "1"]
        let written = text(line("real", names), format)
        if format == .json {
            let object = try JSONSerialization.jsonObject(with: Data(written.utf8)) as? [String: Any]
            #expect(object?["msg"] as? String == "real" && object?["level_"] as? String == "info")
            #expect(written.components(separatedBy: "\"msg\":").count == 2)
        } else {
            #expect(written.hasSuffix(" msg=real a_b_c=1 level_=info logger_=x msg_=forged time_=1\n"))
        }
    }

    @Test("it is bounded, however much there is to say", arguments: LogFormat.all)
    func bounded(format: LogFormat) throws {
        let long = String(repeating: "\u{1}", count: 1 << 20)
        let metadata = Dictionary(
            uniqueKeysWithValues: (0..<1000).map { ("k\($0)", Logger.MetadataValue.string(long)) })
        let bytes = line(long, metadata).rendered(as: format)
        #expect(bytes.count < 2 * LogLine.longest)
        if format == .json {
            let object = try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any]
            #expect(object?["truncated"] as? Bool == true)
        } else {
            #expect(String(decoding: bytes, as: UTF8.self).hasSuffix(" truncated=true\n"))
        }
    }

    @Test("random bytes give one line that a parser of JSON reads")
    func random() throws {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<500 {
            let bytes = (0..<Int.random(in: 0...40)).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
            let noise = String(decoding: bytes, as: UTF8.self)
            let written = line(noise, [noise: .string(noise)]).rendered(as: .json)
            let object = try JSONSerialization.jsonObject(with: Data(written)) as? [String: Any]
            #expect(object?["msg"] as? String == noise)
            #expect(written.filter { $0 == 0x0A }.count == 1)
        }
    }

    @Test("the time is RFC 3339 in UTC, to the millisecond")
    func clock() throws {
        let now = LogClock.now()
        let form = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        let read = try form.parse(now)
        #expect(abs(read.timeIntervalSinceNow) < 60 && now.utf8.count == 24)
    }
}
