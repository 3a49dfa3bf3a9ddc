// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Logging
import ServiceLifecycle
import SpanQueue
import SpanQueueAdmin
import SpanQueueServer
import SpanQueueTesting
import Testing

@testable import SpanQueueWeb

/// The REST interface of an in-memory queue on a free port. Each answer is held to the description.
struct WebUnderTest: Sendable {
    let queue: JobQueue
    let clock: ManualClock
    let port: Int
    let document: APIDocument
    /// The users' tokens by name.
    let tokens: [String: AccessToken]

    /// - Parameter users: lines of a file of users without their last word; where there is none, nobody has to say who they are.
    static func run(
        isReadOnly: Bool = false, users: [String] = [], access: WebAccess = WebAccess(),
        limits: ConnectionLimits = ConnectionLimits(), _ body: @Sendable (WebUnderTest) async throws -> Void
    ) async throws {
        var access = access
        access.isReadOnly = isReadOnly
        var tokens: [String: AccessToken] = [:]
        let file = UsersFile()
        defer { file.remove() }
        if !users.isEmpty {
            let lines = users.map { line in
                let token = AccessToken()
                let name = String(line.prefix { $0 != " " })
                tokens[name] = token
                return "\(line) \(name.hasPrefix("@") ? "-" : token.digest)\n"
            }
            try file.write(lines.joined())
            access.users = file.path
        }
        let clock = ManualClock()
        let queue = try JobQueue.testing(clock: clock)
        let quiet = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        let server = try WebServer(
            .tcp(host: "127.0.0.1", port: 0), admin: Admin(queue), access: access, limits: limits,
            logger: quiet)
        try server.start()
        guard let port = server.listening?.tcp?.port else { throw SpanQueueError(.unavailable, "no port") }
        let test = WebUnderTest(
            queue: queue, clock: clock, port: port, document: try APIDocument(), tokens: tokens)
        let group = ServiceGroup(services: [server], logger: quiet)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            let result: Result<Void, any Error>
            do {
                result = .success(try await body(test))
            } catch {
                result = .failure(error)
            }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
            try result.get()
        }
    }

    /// One request on a connection of its own. A body is sent with its type, unless `headers` say otherwise.
    @discardableResult
    func call(
        _ method: String, _ target: String, _ body: String? = nil, headers: [String: String] = [:],
        as user: String? = nil, isDescribed: Bool = true, at place: SourceLocation = #_sourceLocation
    ) async throws -> WebAnswer {
        var fields = ["Host": "localhost:\(port)", "Connection": "close"]
        if method == "POST" || method == "PATCH" { fields["Content-Type"] = "application/json" }
        if let body { fields["Content-Length"] = "\(body.utf8.count)" }
        if let user { fields["Authorization"] = "Bearer \(tokens[user]?.text ?? user)" }
        fields.merge(headers) { $1 }
        let head = fields.filter { !$0.value.isEmpty }.map { "\($0.key): \($0.value)\r\n" }.joined()
        let request = "\(method) \(target) HTTP/1.1\r\n\(head)\r\n\(body ?? "")"
        let bytes = try await exchange(request)
        let answer = try #require(WebAnswer(bytes), sourceLocation: place)
        if isDescribed, method != "HEAD", method != "OPTIONS" {
            for problem in document.problems(of: answer, to: method, target) {
                Issue.record("\(method) \(target): \(problem)", sourceLocation: place)
            }
        }
        return answer
    }

    private func exchange(_ request: String) async throws -> [UInt8] {
        let port = port
        return try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread {
                continuation.resume(with: Result { try Self.exchangeNow(Array(request.utf8), port) })
            }
        }
    }

    private static func exchangeNow(_ request: [UInt8], _ port: Int) throws -> [UInt8] {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port)).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else { throw SpanQueueError(.unavailable, "no connection: \(errno)") }
        var rest = request[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            // A server that has refused the request reads no more of it.
            guard count > 0 else { break }
            rest = rest.dropFirst(count)
        }
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { return answer }
            answer += buffer.prefix(count)
        }
    }
}

/// An answer as it came.
struct WebAnswer: Sendable {
    let status: Int
    /// Names in lower case.
    let headers: [String: String]
    let text: String
    let bytes: [UInt8]

    init?(_ bytes: [UInt8]) {
        let data = Data(bytes)
        guard let end = data.range(of: Data("\r\n\r\n".utf8)) else { return nil }
        let lines = String(decoding: data[..<end.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
        guard let status = lines[0].split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else { return nil }
        self.status = status
        headers = lines.dropFirst().reduce(into: [:]) { headers, line in
            let parts = line.split(separator: ":", maxSplits: 1)
            headers[parts[0].lowercased()] = parts.count == 2 ? parts[1].trimmingCharacters(in: .whitespaces) : ""
        }
        self.bytes = Array(data[end.upperBound...])
        text = String(decoding: self.bytes, as: UTF8.self)
    }

    var object: [String: Any] { (try? JSONSerialization.jsonObject(with: Data(bytes))) as? [String: Any] ?? [:] }
    var code: String? { object["code"] as? String }
    func string(_ name: String) -> String? { object[name] as? String }
    func objects(_ name: String) -> [[String: Any]] { object[name] as? [[String: Any]] ?? [] }
}

/// A file of users, in a place of its own.
struct UsersFile: Sendable {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("spanq-users-\(UUID().uuidString)").path

    /// - Parameter mode: of the file.
    func write(_ text: String, mode: Int = 0o600) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    }

    func remove() { try? FileManager.default.removeItem(atPath: path) }
}
