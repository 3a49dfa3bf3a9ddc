// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation

/// What the server has done so far, by its own account.
struct ServerLoad {
    /// Of Redis' thread that runs commands, or of Postgres' processes where they are on this machine; nil where it can't be told.
    var cpuSeconds: Double?
    /// Commands that clients sent, without those that scripts call; of Postgres, transactions.
    var commands: Int
    /// Bytes that came in and went out; nil where nobody counts them.
    var bytes: Int?
    /// Bytes of memory in use; nil where that says nothing.
    var memory: Int?
    /// Bytes that Postgres wrote ahead; nil on Redis.
    var walBytes: Int?

    /// What was used from `start` to `end`.
    static func - (end: ServerLoad, start: ServerLoad) -> ServerLoad {
        func difference<Value: Numeric>(_ path: KeyPath<ServerLoad, Value?>) -> Value? {
            guard let before = start[keyPath: path], let after = end[keyPath: path] else { return nil }
            return after - before
        }
        return ServerLoad(
            cpuSeconds: difference(\.cpuSeconds), commands: end.commands - start.commands, bytes: difference(\.bytes),
            memory: difference(\.memory), walBytes: difference(\.walBytes))
    }
}

enum ServerProcesses {
    /// The time that processes have used so far; nil where none of them is here. Those that have ended are not in it.
    static func cpuSeconds(of processes: [Int64], named name: String) -> Double? {
        var ticks: Double?
        for process in processes {
            // Such as `12 (postgres) S 1 …`, where the 14th and 15th are the ticks.
            guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
                text.contains("(\(name))"), let rest = text.split(separator: ")").last
            else { continue }
            let fields = rest.split(separator: " ")
            guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { continue }
            ticks = (ticks ?? 0) + user + system
        }
        return ticks.map { $0 / Double(sysconf(Int32(_SC_CLK_TCK))) }
    }
}
