// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import ArgumentParser
import Foundation
import SpanQueue
import SpanQueueAdmin
import SpanQueueCommand
import Testing

@testable import spanq

@Suite("Texts")
struct TextTests {
    @Test(
        "moments of RFC 3339",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2026-11-21T09:30:00.125Z", 1_795_253_400_125),
            ("2026-11-21 10:30:00.125999+01:00", 1_795_253_400_125), ("2026-11-20t23:30:00.1-10:00", 1_795_253_400_100),
            ("2026-11-21T09:30:00.1234567890Z", 1_795_253_400_123), ("2026-11-21T10:30:00+0100", 1_795_253_400_000),
            ("2026-11-21T10:30:00+01", 1_795_253_400_000), ("2026-11-21T09:29:60Z", 1_795_253_400_000),
            ("2024-02-29T00:00:00Z", 1_709_164_800_000), ("1969-12-31T23:59:59.999Z", -1),
        ])
    func moments(text: String, milliseconds: Int64) {
        #expect(RFC3339(text)?.timestamp.milliseconds == milliseconds)
    }

    @Test(
        "what is not a moment",
        arguments: [
            "", "now", "2026-11-21", "2026-11-21T09:30:00", "2026-13-01T00:00:00Z", "2025-02-29T00:00:00Z",
            "2026-11-21T24:00:00Z", "2026-11-21T09:30:00Zx", "2026-11-21T09:30:00.Z", "2026-11-21T09:30:00+01:",
            "2026-11-21T09:30:00+1:00", "2026-11-21T09:30:00\u{0661}Z", "2026-11-21T09:30:00.\u{0661}Z",
            "+2026-11-21T09:30:00Z", "2026-11-21T09:30:00+01:60",
        ])
    func noMoments(text: String) {
        #expect(RFC3339(text) == nil)
    }

    @Test(
        "a timestamp is written as it is read",
        arguments: [0, -1, 1, 999, 1_795_253_400_125, 951_782_400_003, -62_167_219_200_000, 253_402_300_799_999])
    func timestamps(milliseconds: Int64) {
        let text = Timestamp(milliseconds: milliseconds).description
        #expect(RFC3339(text)?.timestamp.milliseconds == milliseconds)
        #expect(text.hasSuffix("Z") && text.count == 24)
    }

    @Test(
        "passwords in URLs are masked wherever they stand",
        arguments: [
            ("can't: redis://u:secret@h:1/0 is", "can't: redis://u:***@h:1/0 is"),
            ("redis://:se:cr@et@h", "redis://:***@h"), ("redis://h:1", "redis://h:1"),
            ("a@b and x://c@d", "a@b and x://c@d"),
            // A combining mark makes one Character of itself and the sign before it.
            ("http://u:secret@\u{301}h/", "http://u:***@\u{301}h/"), ("x://u:\u{301}secret@h", "x://u:***@h"),
        ])
    func masking(text: String, masked: String) {
        #expect(Masking.redact(text) == masked)
    }

    @Test("an error's line has nothing that a terminal acts on, and an end")
    func harmlessLine() {
        let line = ErrorLine(CommandFailure.usage("a\u{1B}[2J\u{7}\u{202E}b" + String(repeating: "x", count: 5000)))
            .text
        #expect(line.hasPrefix("spanq: a\u{FFFD}[2J\u{FFFD}\u{FFFD}bxxx"))
        #expect(line.unicodeScalars.count < 1000)
    }

    @Test("errors become exit codes")
    func exitCodes() {
        let codes: [(SpanQueueError.Code, Int32)] = [
            (.invalidArgument, 2), (.tooLarge, 2), (.notFound, 3), (.unavailable, 4), (.timeout, 4), (.denied, 4),
            (.unsupported, 4), (.outOfMemory, 4), (.overloaded, 4), (.conflict, 1), (.invalidState, 1), (.engine, 1),
            (.closed, 1),
        ]
        for (code, exit) in codes { #expect(ErrorLine(SpanQueueError(code, "x")).exit.rawValue == exit) }
    }

    @Test("a mistake on the command line is one line that points to the right help")
    func usageLine() {
        do {
            _ = try Spanq.parseAsRoot(["queue", "stats", "--nonsense"])
            Issue.record("it was accepted")
        } catch {
            let line = ErrorLine(error, arguments: ["queue", "stats", "--nonsense"])
            #expect(line.exit == .usage)
            #expect(line.text.hasPrefix("spanq: Unknown option '--nonsense'"))
            #expect(line.text.hasSuffix("see spanq queue stats --help"))
            #expect(!line.text.contains("\n"))
        }
    }

    @Test("global options may stand before the subcommand")
    func order() {
        #expect(
            ArgumentOrder.normalized(["--json", "--redis", "u", "queue", "stats", "a"])
                == ["queue", "stats", "--json", "--redis", "u", "a"])
        #expect(ArgumentOrder.normalized(["enqueue", "x", "--", "--json"]) == ["enqueue", "x", "--", "--json"])
        #expect(ArgumentOrder.normalized(["--redis"]) == ["--redis"])
    }

    @Test("a command is found by the name that it had once, too")
    func aliases() throws {
        let words = ["job", "retry", "order-1"]
        #expect(ArgumentOrder.normalized(["--json"] + words) == ["job", "retry", "--json", "order-1"])
        try ArgumentOrder.checkNames(words)
        let command = try #require(try Spanq.parseAsRoot(words) as? JobRedriveCommand)
        #expect(command.job.jobID == "order-1")
    }

    @Test("a line of a batch with a mistake says which")
    func badBatchLines() {
        func complaint(_ line: String, type: String? = nil) -> String {
            do {
                _ = try JobDraft(Array(line.utf8)).request(type: type)
                return "none"
            } catch {
                return error.message
            }
        }
        #expect(complaint(#"{"payload":1}"#) == #"no type: add "type":"email:welcome""#)
        #expect(complaint(#"{"payload":1}"#, type: "x") == "none")
        #expect(complaint("nonsense").hasPrefix("not a JSON object"))
        #expect(complaint("[1]").hasPrefix("not a JSON object"))
        #expect(complaint(#"{"type":"x","prio":1}"#).hasPrefix("unknown members prio"))
        #expect(
            complaint(#"{"type":"x","priority":"high"}"#)
                == "priority has a value of the wrong kind, string: write a number, 0 to 9")
        #expect(complaint(#"{"type":"x","priority":9.5}"#) == "priority 9.5: use a whole number, 0 to 9")
        #expect(
            complaint(#"{"type":"x","max_retries":9223372036854775808}"#)
                == "max_retries 9223372036854775808: use a whole number, 0 to 1000")
        #expect(complaint(#"{"type":"x","tags":["a",1]}"#).contains("write an array of strings"))
        #expect(complaint(#"{"type":"x","queue":5}"#).contains("write a string"))
        #expect(complaint(#"{"type":"a",}"#).hasSuffix("a comma before } at byte 12"))
        #expect(complaint(#"{"type":"a","type":"b"}"#).hasSuffix(#"a second member "type" at byte 13"#))
        #expect(
            complaint(#"{"type":"a","payload":1,"\u0070ayload":2}"#).hasSuffix(#"a second member "payload" at byte 25"#)
        )
        #expect(complaint(#"{"type":"a","payload":"\UA66D"}"#).contains("an escape that JSON does not have"))
        #expect(complaint(#"{"type":"a","payload":"\ud800"}"#).contains("half of a surrogate pair"))
        #expect(complaint("{\"type\":\"a\",\"payload\":\"\t\"}").contains("a control character"))
        #expect(
            complaint(#"{"type":"a","payload":1,"payload_base64":"AA=="}"#)
                == "payload and payload_base64 exclude each other: give one of them")
        #expect(
            complaint(#"{"type":"a","payload_base64":"AA==","payload":null}"#).hasPrefix("payload and payload_base64"))
        #expect(complaint(#"{"type":"a","payload_base64":"A"}"#) == "payload_base64 is not base64")
        let deep = String(repeating: "[", count: 512) + String(repeating: "]", count: 512)
        #expect(
            complaint(#"{"type":"a","payload":\#(deep)}"#).contains("more than 512 arrays and objects in each other"))
        #expect(complaint(#"{"type":"x","delay":"soon"}"#).hasPrefix(#"delay "soon" is not a duration"#))
    }

    @Test("a table is aligned, cut to the terminal, and harmless")
    func table() {
        var table = Table(.text("NAME"), .number("N"), .text("NOTE"))
        table.add("a", "1", "x\u{1B}[31m\ny")
        table.add("longer", "22", "")
        #expect(table.render(width: nil, hasStyle: false) == "NAME     N  NOTE\na        1  x [31m y\nlonger  22  ")
        #expect(table.render(width: 8, hasStyle: false) == "NAME   …\na      …\nlonger …")
        #expect(table.render(width: nil, hasStyle: true).hasPrefix("\u{1B}[1mNAME     N  NOTE\u{1B}[0m\n"))
    }

    @Test("one long name does not push the numbers of all others off the terminal")
    func longName() {
        var table = Table(.text("QUEUE"), .number("READY"), .number("DEAD"), .fixed("PAUSED"))
        let long = "start" + String(repeating: "-", count: 118) + "end"
        table.add(long, "12", "3", "paused")
        table.add("mail", "4", "5", "")
        let lines = table.render(width: 60, hasStyle: false).split(separator: "\n")
        #expect(lines.allSatisfy { $0.count <= 60 })
        #expect(lines[1].hasPrefix("start-") && lines[1].contains("…") && lines[1].contains("end"))
        #expect(lines[1].hasSuffix("   12     3  paused") && lines[2].contains("    4     5"))
        #expect(table.render(width: nil, hasStyle: false).contains(long))
        #expect(table.render(width: 300, hasStyle: false).contains(long))
    }

    @Test("a negative value is the option's, and a command that does not exist is named")
    func negatives() {
        #expect(ArgumentOrder.normalized(["job", "list", "--limit", "-1"]) == ["job", "list", "--limit=-1"])
        #expect(
            ArgumentOrder.normalized(["enqueue", "x", "--delay", "-5s", "-1"]) == ["enqueue", "x", "--delay=-5s", "-1"])
        #expect(ArgumentOrder.normalized(["enqueue", "x", "--", "--a", "-1"]) == ["enqueue", "x", "--", "--a", "-1"])
        for words in [
            ["help", "nosuch"], ["help", "queue", "nosuch"], ["help", "version", "x"], ["queu", "list"],
            ["queue", "lst"],
        ] {
            #expect(throws: CommandFailure.self) { try ArgumentOrder.checkNames(words) }
        }
        for words in [
            ["help", "queue", "stats"], ["help"], ["queue"], ["worker", "--http", "x"], ["enqueue", "a", "b"],
        ] {
            #expect(throws: Never.self) { try ArgumentOrder.checkNames(words) }
        }
    }

    @Test("the command line's definition holds together")
    func definition() {
        _ = Spanq.helpMessage(includeHidden: true)
        _ = Spanq.completionScript(for: .bash)
    }
}
