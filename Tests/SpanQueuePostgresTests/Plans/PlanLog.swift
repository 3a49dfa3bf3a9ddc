// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import PostgresServerFixture

/// What a server has planned and done, those statements included that functions make: `auto_explain` writes it down.
struct PlanLog {
    private let server: PostgresServer
    private let path: String

    private init(_ server: PostgresServer) {
        self.server = server
        path = server.directory + "/data/log/plans.log"
    }

    /// Runs a test on a server that keeps such a log.
    static func with<Result>(_ body: (PostgresServer, PlanLog) async throws -> Result) async throws -> Result {
        let server = try await PostgresServer.start([
            "logging_collector=on", "log_directory=log", "log_filename=plans.log", "log_rotation_size=0",
            "log_rotation_age=0", "log_destination=stderr", "log_line_prefix=@", "log_min_messages=log",
            "session_preload_libraries=auto_explain", "auto_explain.log_min_duration=0",
            "auto_explain.log_nested_statements=on", "auto_explain.log_analyze=on", "auto_explain.log_timing=off",
            "auto_explain.log_format=json", "autovacuum=off",
        ])
        defer { server.stop() }
        return try await body(server, PlanLog(server))
    }

    /// What the server did while something was called.
    ///
    /// - Parameter database: where statements are made that mark begin and end in the log.
    func plans(_ database: Database, of body: () async throws -> Void) async throws -> [Plan] {
        let start = try await mark(database, after: size)
        try await body()
        let end = try await mark(database, after: start)
        let text = try read(from: start).prefix(Int(end - start))
        return Self.plans(in: String(decoding: text, as: UTF8.self)).filter { !$0.query.contains("a mark of") }
    }

    /// Waits until all that was done so far is in the log, and gives the log's size then. What one session writes after it has heard of
    /// another's end stands behind that.
    private func mark(_ database: Database, after start: UInt64) async throws -> UInt64 {
        let word = "a mark of \(UUID().uuidString)"
        try await database.sql("SELECT '\(word)'")
        let deadline = ContinuousClock.now + .seconds(30)
        while ContinuousClock.now < deadline {
            let text = (try? read(from: start)) ?? Data()
            // The entry that tells it ends with a brace in the first column of its text.
            if let mark = text.range(of: Data(word.utf8)),
                let end = text[mark.upperBound...].range(of: Data("\n\t}\n".utf8))
            {
                return start + UInt64(end.upperBound)
            }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw PlanLogError("the server's log does not tell the plans")
    }

    private var size: UInt64 {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        return (attributes?[.size] as? NSNumber)?.uint64Value ?? 0
    }

    private func read(from start: UInt64) throws -> Data {
        let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
        defer { try? file.close() }
        try file.seek(toOffset: start)
        return try file.readToEnd() ?? Data()
    }

    /// Each entry begins with the prefix; lines that go on are indented by a tab.
    static func plans(in log: String) -> [Plan] {
        ("\n" + log).split(separator: "\n@").compactMap { entry in
            guard entry.hasPrefix("LOG:  duration:"), let brace = entry.firstIndex(of: "{") else { return nil }
            return try? JSONDecoder().decode(Plan.self, from: Data(entry[brace...].utf8))
        }
    }
}

struct PlanLogError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// One statement as it was made.
struct Plan: Decodable {
    let query: String
    let root: Node

    private enum CodingKeys: String, CodingKey {
        case query = "Query Text", root = "Plan"
    }

    struct Node: Decodable {
        let type: String
        let relation: String?
        let index: String?
        let rows: Double?
        let loops: Double?
        let filtered: Double?
        let rechecked: Double?
        let unjoined: Double?
        let children: [Node]?

        private enum CodingKeys: String, CodingKey {
            case type = "Node Type", relation = "Relation Name", index = "Index Name", rows = "Actual Rows"
            case loops = "Actual Loops", filtered = "Rows Removed by Filter"
            case rechecked = "Rows Removed by Index Recheck", unjoined = "Rows Removed by Join Filter"
            case children = "Plans"
        }

        /// All rows, or pairs of them, that it looked at.
        var looked: Double {
            ((rows ?? 0) + (filtered ?? 0) + (rechecked ?? 0) + (unjoined ?? 0)) * (loops ?? 1)
        }
        /// Itself and what is below it.
        var all: [Node] { [self] + (children ?? []).flatMap(\.all) }
    }
}

/// What is wrong with plans: tables of jobs are read by index and by row, a bounded number of rows at a time, and joined row by row.
struct PlanRule {
    /// The most rows that one node may look at.
    var mostRows: Double = 1_500
    /// Small tables, and those that are read whole on purpose.
    var free: Set<String> = ["tally", "version", "worker", "told", "journal"]

    func findings(in plans: [Plan]) -> [String] {
        var findings: [String] = []
        for plan in plans {
            for node in plan.root.all {
                func find(_ text: String) { findings.append("\(text): \(plan.query.prefix(300))") }
                if ["Hash Join", "Merge Join", "Bitmap Index Scan"].contains(node.type) { find(node.type) }
                if node.unjoined ?? 0 > 0, node.looked > mostRows {
                    find("\(node.type) looks at \(Int(node.looked)) pairs of rows")
                }
                guard let table = node.relation, !free.contains(table) else { continue }
                if !["Index Scan", "Index Only Scan", "Tid Scan", "ModifyTable"].contains(node.type) {
                    find("\(node.type) of \(table)")
                }
                if node.type != "ModifyTable", node.looked > mostRows {
                    find("\(node.type) of \(table) by \(node.index ?? "row") looks at \(Int(node.looked)) rows")
                }
            }
        }
        return findings
    }

    /// By which indexes a table was read; `row` by the place of its rows.
    static func indexes(of table: String, in plans: [Plan]) -> Set<String> {
        Set(
            plans.flatMap(\.root.all).filter { $0.relation == table && $0.type != "ModifyTable" }
                .map { $0.index ?? ($0.type == "Tid Scan" ? "row" : $0.type) })
    }
}
