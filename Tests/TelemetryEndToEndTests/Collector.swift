// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation

/// A collector in a process of its own, and what it has received.
struct Collector {
    let endpoint: String
    private let program: HeldProgram
    private let file: String

    /// - Parameter certificate: PEM files of a certificate and its key: it then speaks HTTPS.
    init(in directory: String, certificate: (file: String, key: String)? = nil) async throws {
        file = directory + "/spans"
        program = try HeldProgram(
            "python3",
            [HeldProgram.support("span_collector.py"), file] + (certificate.map { [$0.file, $0.key] } ?? []),
            log: directory + "/collector.log")
        let port = try await found("the collector does not start: \(program.output)") { [program] in
            program.output.hasSuffix("\n")
                ? Int(program.output.trimmingCharacters(in: .whitespacesAndNewlines)) : nil
        }
        endpoint = "\(certificate == nil ? "http" : "https")://127.0.0.1:\(port)"
    }

    /// All spans received so far, in the order of their start.
    var spans: [ReceivedSpan] {
        get throws {
            try items(of: file, as: ReceivedSpan.self).sorted { $0.start < $1.start }
        }
    }

    /// A log record as the collector writes it down.
    struct Record: Decodable {
        let severity: Int
        let body: String
        let traceID: String?
        let spanID: String?
        let attributes: [String: String]

        enum CodingKeys: String, CodingKey {
            case severity, body, attributes
            case traceID = "trace_id"
            case spanID = "span_id"
        }
    }

    /// All log records received so far.
    var records: [Record] {
        get throws { try items(of: file + ".logs", as: Record.self) }
    }

    private func items<Item: Decodable>(of file: String, as type: Item.Type) throws -> [Item] {
        let text = (try? String(contentsOfFile: file, encoding: .utf8)) ?? ""
        // A last line without its end is half written.
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        return try lines.map { try JSONDecoder().decode(type, from: Data($0.utf8)) }
    }

    /// The spans of one job once the given number of them is there.
    func spans(of job: String, count: Int) async throws -> [ReceivedSpan] {
        try await found("\(count) spans of job \(job), but \((try? spans.filter { $0.job == job }) ?? [])") {
            let those = try spans.filter { $0.job == job }
            return those.count >= count ? those : nil
        }
    }

    func stop() { program.stop() }
}
