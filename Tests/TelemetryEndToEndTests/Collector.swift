import Foundation

/// A collector in a process of its own, and what it has received.
struct Collector {
    let endpoint: String
    private let program: HeldProgram
    private let file: String

    init(in directory: String) async throws {
        file = directory + "/spans"
        program = try HeldProgram(
            "python3", [HeldProgram.support("span_collector.py"), file], log: directory + "/collector.log")
        let port = try await found("the collector does not start: \(program.output)") { [program] in
            program.output.hasSuffix("\n")
                ? Int(program.output.trimmingCharacters(in: .whitespacesAndNewlines)) : nil
        }
        endpoint = "http://127.0.0.1:\(port)"
    }

    /// All spans received so far, in the order of their start.
    var spans: [ReceivedSpan] {
        get throws {
            let text = (try? String(contentsOfFile: file, encoding: .utf8)) ?? ""
            // A last line without its end is half written.
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
            return try lines.map { try JSONDecoder().decode(ReceivedSpan.self, from: Data($0.utf8)) }
                .sorted { $0.start < $1.start }
        }
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
