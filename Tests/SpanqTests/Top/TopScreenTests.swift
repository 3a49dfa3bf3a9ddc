// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueue
import Testing

@testable import spanq

@Suite("What top shows")
struct TopScreenTests {
    private func texts(_ model: TopModel, _ columns: Int, _ rows: Int, marks: TopMarks = .unicode) -> [String] {
        TopScreen(columns: columns, rows: rows, marks: marks).draw(model).map(\.text)
    }

    @Test("80 by 24: head, list and keys")
    func usual() {
        var model = TopSample.model()
        model.take(
            TopSample.data(
                [
                    TopSample.counts("b", ready: 12_001, completed: 84, enqueued: 100, age: .milliseconds(1900)),
                    TopSample.counts("a", dead: 2), TopSample.counts("c", isPaused: true),
                ], after: .seconds(1)))
        let lines = texts(model, 80, 24)
        #expect(lines.count == 24)
        #expect(lines[0] == "SpanQueue 08:00:01 UTC  workers 1 (4/10 busy)  done 84.0/s  fail 0.0%  ● live")
        #expect(lines[1].contains("12,001  oldest 1.90s  scheduled 0  retrying 0  active 0  dead 2"))
        #expect(lines[2] == "[1 Queues] 2 Jobs  3 Workers  4 Errors  5 Types  6 Feed ")
        #expect(lines[3] == "  QUEUE                    READY    AGE    IN/s   OUT/s   DRAIN ACTIVE   DEAD")
        #expect(lines[4] == "▸ a                            0      -     0.0     0.0       -      0      2")
        #expect(lines[5] == "  b                       12,001  1.90s     100    84.0       ?      0      0")
        #expect(lines[6] == "  c (paused)                   0      -     0.0     0.0       -      0      0")
        #expect(lines[23] == "Enter open  / filter  s sort  e explain  P pause  ? help  q quit  z freeze")
    }

    @Test(
        "at any size the lines are as many as there are rows, and none is wider than the screen",
        arguments: [true, false])
    func sizes(isUnicode: Bool) {
        var models = [
            TopModel(address: "redis://localhost", isReadOnly: false), TopSample.model(), TopSample.model(jobs: 500),
        ]
        var failed = TopSample.model()
        failed.fail("Redis is away, and what it said is long: " + String(repeating: "x", count: 300))
        models.append(failed)
        let hostile = "\u{1B}[31m界界界\u{202E}👩‍👩‍👧‍👦" + String(repeating: "长", count: 100)
        for model in models {
            for keys in ["1", "2", "3", "4", "5", "6", "?", "/abc", ":abc", "2X", "1P"] {
                var model = model
                model.take(jobs: model.jobs + [TopSample.job("job-x", .dead, error: hostile)])
                model.hear(
                    QueueEvent(
                        queue: "q", at: TopSample.at,
                        all: [.init(kind: .buried, id: "x", type: "t", errorType: hostile)]))
                _ = model.type(keys)
                for (columns, rows) in [(80, 24), (120, 40), (40, 10), (20, 5), (10, 3), (1, 1), (300, 100)] {
                    let screen = TopScreen(columns: columns, rows: rows, marks: isUnicode ? .unicode : .ascii)
                    model.rows = screen.listRows
                    let lines = screen.draw(model)
                    #expect(lines.count == rows, "\(keys) at \(columns)x\(rows)")
                    #expect(lines.allSatisfy { TextWidth.columns($0.text) <= columns }, "\(keys) at \(columns)x\(rows)")
                    // Nothing that could steer a terminal comes through.
                    #expect(
                        lines.allSatisfy { !$0.text.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F } })
                }
            }
        }
    }

    @Test("the row that is chosen is always on the screen")
    func scrolled() {
        var model = TopSample.model(jobs: 200)
        model.rows = TopScreen(columns: 80, rows: 24).listRows
        _ = model.type("2")
        for keys in ["", "jjjjj", "l", "ll", "G", "k", "g"] {
            _ = model.type(keys)
            let chosen = texts(model, 80, 24).filter { $0.hasPrefix("▸") }
            #expect(chosen.count == 1 && chosen[0].contains("job-\(model.place) "), "\(keys)")
        }
    }

    @Test("without UTF-8 all is ASCII, texts of jobs too")
    func ascii() {
        var model = TopSample.model()
        model.take(jobs: [TopSample.job("a", .dead, error: "größer … 界")])
        model.take(errors: [TopSample.group("a", "größer … 界", count: 3)])
        model.take(types: [TopSample.type("größer", workers: 1, ready: 1)])
        for second in 1...30 {
            model.take(TopSample.data([TopSample.counts("a", ready: second)], after: .seconds(second)))
        }
        for keys in ["1", "2 ", "3", "4", "5", "6", "?"] {
            _ = model.type(keys)
            #expect(texts(model, 140, 24, marks: .ascii).allSatisfy { $0.allSatisfy(\.isASCII) })
            _ = model.type("x")
        }
        _ = model.type("1")
        #expect(texts(model, 140, 24, marks: .ascii)[4].hasPrefix("> a"))
    }

    @Test("a page, the help, a question and what went wrong are shown in their places")
    func others() {
        var model = TopSample.model()
        model.rows = 5
        model.open("job x", (0..<30).map { "line \($0)" })
        _ = model.type("jjj")
        #expect(Array(texts(model, 40, 10)[3..<9]) == ["job x"] + (3..<8).map { "line \($0)" })
        _ = model.type("q2X")
        #expect(texts(model, 80, 10)[9] == "remove job-0? y does it, any other key leaves it")
        _ = model.type("n")
        #expect(texts(model, 80, 10)[9] == "left as it is")
        _ = model.type("x")
        let keys = "Enter open  / filter  e explain  t trace  R redrive  C cancel  X remove  ? help"
        #expect(texts(model, 80, 10)[9].hasPrefix(keys))
        _ = model.type("R")
        #expect(texts(model, 80, 10)[9] == "redrive job-0? y does it, any other key leaves it")
        _ = model.type("n")
        _ = model.type("?")
        #expect(texts(model, 80, 24)[4] == TopScreen.help[0])
        model.fail("Redis is away")
        #expect(texts(model, 120, 10)[0].hasSuffix("not up to date: Redis is away"))
        #expect(texts(TopModel(address: "redis://h", isReadOnly: false), 80, 10)[0] == "SpanQueue redis://h  asking")
    }

    @Test("80 by 24: errors by group, and types")
    func groups() {
        var model = TopSample.model()
        model.take(errors: [
            TopSample.group("charge:card", "exit status ‹n›: no route to the payments' gateway", count: 1204),
            TopSample.group("", "", count: 7, fingerprint: nil),
        ])
        model.take(types: [TopSample.type("charge:card", workers: 0, ready: 12_000, dead: 3)])
        _ = model.type("4")
        let errors = texts(model, 80, 24)
        #expect(errors[3] == "     COUNT LAST           TYPE           ERROR                      QUEUE       ")
        #expect(errors[4] == "▸    1,204 01-15 08:00:05 charge:card    exit status ‹n›: no route… a           ")
        #expect(errors[5].hasPrefix("         7 01-15 08:00:05 others"))
        #expect(errors[23] == "Enter open  / filter  ? help  q quit  z freeze")
        _ = model.type("5")
        let types = texts(model, 80, 24)
        #expect(types[3] == "  TYPE                          READY  ACTIVE  RETRYING    DEAD   FAILED WORKERS")
        #expect(types[4] == "▸ charge:card                  12,000       0         0       3        6       0")
    }

    @Test(
        "only lines that have changed are sent, all of them after a change of size, and colours where they are wanted")
    func painting() {
        var painter = TopPainter(hasColors: true)
        let lines = [TopLine("one", .bad), TopLine("two"), TopLine("three", .chosen)]
        let first = painter.paint(lines)
        #expect(first.contains("\u{1B}[2J") && first.contains("\u{1B}[1;1H\u{1B}[K\u{1B}[31mone\u{1B}[0m"))
        #expect(first.hasPrefix("\u{1B}[?2026h") && first.hasSuffix("\u{1B}[?2026l"))
        #expect(painter.paint(lines) == "")
        let second = painter.paint([lines[0], TopLine("2"), lines[2]])
        #expect(second == "\u{1B}[?2026h\u{1B}[2;1H\u{1B}[K2\u{1B}[?2026l")
        #expect(painter.paint(Array(lines.prefix(2))).contains("\u{1B}[2J"))
        painter.forget()
        #expect(painter.paint(Array(lines.prefix(2))).contains("one"))
        var plain = TopPainter(hasColors: false)
        let text = plain.paint(lines)
        #expect(!text.contains("\u{1B}[31m") && text.contains("\u{1B}[7mthree"))
    }

    @Test("times are UTC, or those of a zone with its offset")
    func clocks() throws {
        let at = Timestamp(milliseconds: 1_800_000_000_000)
        #expect(TopClock.text(at, isUTC: true) == "08:00:00 UTC")
        for (name, text) in [("Asia/Kolkata", "13:30:00 +05:30"), ("America/St_Johns", "04:30:00 -03:30")] {
            #expect(TopClock.text(at, isUTC: false, zone: try #require(TimeZone(identifier: name))) == text)
        }
    }

    @Test("without a terminal it is text: figures, queues, workers")
    func snapshot() {
        let lines = TopSnapshot.lines(TopSample.model(), marks: .ascii)
        #expect(lines[0].hasPrefix("SpanQueue redis://localhost:6379/0") && lines[1].contains("ready"))
        #expect(lines.contains { $0.hasPrefix("> a ") } && lines.contains { $0.contains("host-1-abc") })
        #expect(!lines.contains { $0.contains("Queues]") || $0.contains("q quit") || $0.contains("\u{1B}") })
    }
}
