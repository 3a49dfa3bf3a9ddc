import Foundation
import HiredisClient

/// What Redis has done so far, by its own account (`INFO`).
struct RedisLoad {
    var cpuSeconds: Double?
    var commands: Int
    var bytes: Int
    var memory: Int

    init(_ client: RedisClient) async throws {
        // One of them at a time: Redis 7 takes several sections, Valkey and older ones too, but not all servers that speak RESP.
        let cpu = try await Self.section("cpu", client)
        let stats = try await Self.section("stats", client)
        let memory = try await Self.section("memory", client)
        let commandStats = try await Self.section("commandstats", client)
        let parts = ["used_cpu_user_main_thread", "used_cpu_sys_main_thread"].compactMap {
            cpu[$0].flatMap(Double.init)
        }
        cpuSeconds = parts.count == 2 ? parts[0] + parts[1] : nil
        bytes = ["total_net_input_bytes", "total_net_output_bytes"].compactMap { stats[$0].flatMap { Int($0) } }.reduce(
            0, +)
        self.memory = memory["used_memory"].flatMap { Int($0) } ?? 0
        // Redis counts what scripts call as well, so what clients send is named here.
        commands = ["evalsha", "eval", "blpop", "xadd", "xreadgroup", "xack", "xdel", "client|unblock"]
            .compactMap { name in commandStats["cmdstat_\(name)"] }
            .compactMap { $0.split(separator: ",").first?.split(separator: "=").last.flatMap { Int($0) } }.reduce(0, +)
    }

    private static func section(_ name: String, _ client: RedisClient) async throws -> [String: String] {
        let text = try await client.send(RESPCommand("INFO", name), idempotent: true).string()
        var values: [String: String] = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            guard let colon = line.firstIndex(of: ":") else { continue }
            values[String(line[..<colon])] = String(line[line.index(after: colon)...])
        }
        return values
    }
}
