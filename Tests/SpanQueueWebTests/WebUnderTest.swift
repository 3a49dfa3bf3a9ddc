// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import HTTPFixture
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
    private let file: UsersFile

    /// - Parameter users: lines of a file of users without their last word; where there is none, nobody has to say who they are.
    @discardableResult
    static func run<Value: Sendable>(
        isReadOnly: Bool = false, users: [String] = [], access: WebAccess = WebAccess(),
        limits: ConnectionLimits = .pages, live: LiveLimits = LiveLimits(),
        _ body: @Sendable (WebUnderTest) async throws -> Value
    ) async throws -> Value {
        var access = access
        access.isReadOnly = isReadOnly
        var tokens: [String: AccessToken] = [:]
        let file = UsersFile()
        defer { file.remove() }
        if !users.isEmpty {
            for line in users { tokens[name(in: line)] = AccessToken() }
            try file.write(text(users, tokens))
            access.users = file.path
        }
        let clock = ManualClock()
        let queue = try JobQueue.testing(clock: clock)
        let quiet = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        let server = try WebServer(
            .tcp(host: "127.0.0.1", port: 0), admin: Admin(queue), access: access, limits: limits, live: live,
            logger: quiet)
        try server.start()
        guard let port = server.listening?.tcp?.port else { throw SpanQueueError(.unavailable, "no port") }
        let test = WebUnderTest(
            queue: queue, clock: clock, port: port, document: try APIDocument(), tokens: tokens, file: file)
        let group = ServiceGroup(services: [server], logger: quiet)
        return try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            let result: Result<Value, any Error>
            do {
                result = .success(try await body(test))
            } catch {
                result = .failure(error)
            }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
            return try result.get()
        }
    }

    /// Writes the file of users anew, in which who was there before keeps the token.
    func write(users: [String]) throws { try file.write(Self.text(users, tokens)) }

    private static func name(in line: String) -> String { String(line.prefix { $0 != " " }) }

    private static func text(_ users: [String], _ tokens: [String: AccessToken]) -> String {
        users.map { line in
            let name = name(in: line)
            return "\(line) \(name.hasPrefix("@") ? "-" : tokens[name]?.digest ?? "-")\n"
        }.joined()
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
        let client = try RawClient(port: port)
        // A server that has refused the request reads no more of it.
        client.send(request)
        let answer = try #require(WebAnswer(await client.readToEnd()), sourceLocation: place)
        if isDescribed, method != "HEAD", method != "OPTIONS" {
            for problem in document.problems(of: answer, to: method, target) {
                Issue.record("\(method) \(target): \(problem)", sourceLocation: place)
            }
        }
        return answer
    }
}

/// An answer as it came.
typealias WebAnswer = Answer

extension Answer {
    var bytes: [UInt8] { body }
    var object: [String: Any] { (try? JSONSerialization.jsonObject(with: Data(body))) as? [String: Any] ?? [:] }
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
