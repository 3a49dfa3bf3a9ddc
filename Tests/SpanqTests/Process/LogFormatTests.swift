// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import RedisServerFixture
import Testing

@Suite("The log of a worker", .serialized)
struct LogFormatTests {
    /// What a program says to look like a line of ours, to tear one, and to steer a terminal.
    private static let hostile = """
        import sys
        sys.stderr.write("oops\\n2026-11-21T09:30:00.000Z error spanq: forged\\ntime=2026 level=error msg=forged\\r\\x1b[2J\\u2028x\\u202ey \\"quoted\\" a=b")
        sys.exit(1)
        """

    @Test("a line is one line, whatever a program says", arguments: ["text", "logfmt", "json"])
    func oneLine(format: String) async throws {
        let server = try await RedisServer.start()
        defer { server.stop() }
        let script = server.directory + "/hostile.py"
        try Self.hostile.write(toFile: script, atomically: true, encoding: .utf8)
        _ = try await CommandRun.spanq("enqueue", "a", "--max-retries", "0", redis: server.url)
        let run = try await CommandRun.spanq(
            "worker", "--once", "--exec", "a=python3 \(script)", redis: server.url,
            environment: ["SPANQ_LOG_FORMAT": format])
        #expect(run.code == 0)
        let lines = run.errors.split(omittingEmptySubsequences: false) { $0 == "\n" }.dropLast()
        #expect(lines.contains { $0.contains("forged") })
        #expect(
            run.errors.unicodeScalars.allSatisfy {
                $0 == "\n" || ($0.value >= 0x20 && !["\u{2028}", "\u{202E}"].contains($0))
            })
        for line in lines {
            switch format {
            case "json":
                let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
                #expect(object?["level"] is String && object?["msg"] is String && object?["time"] is String)
                if let error = object?["error"] as? String {
                    #expect(error.contains("\u{1B}[2J") && error.contains("\nt"))
                }
            case "logfmt":
                #expect(line.hasPrefix("time=20") && line.contains(" level=") && line.contains(" msg="))
            default:
                #expect(line.wholeMatch(of: /20\d\d-\d\d-\d\dT[\d:.]+Z [a-z]+ +\S.*/) != nil, "\(line)")
            }
        }
    }

    @Test("an unknown format is bad usage, and says which there are")
    func unknown() async throws {
        let run = try await CommandRun.spanq("worker", "--exec", "a=true", "--log-format", "xml")
        #expect(run.code == 2)
        #expect(run.errors == "spanq: --log-format: \"xml\" is not a log format: use one of text, logfmt, json\n")
    }

    @Test("the flag goes before the variable, and --print-config shows it")
    func layers() async throws {
        let run = try await CommandRun.spanq(
            "worker", "--print-config", "--json", "--log-format", "json", environment: ["SPANQ_LOG_FORMAT": "text"])
        #expect(run.output.contains(#"{"key":"log-format","source":"--log-format","value":"json"}"#))
    }
}
