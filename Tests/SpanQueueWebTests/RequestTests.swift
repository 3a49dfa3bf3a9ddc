// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import HTTPFixture
import HTTPTypes
import Logging
import SpanQueue
import SpanQueueAdmin
import SpanQueueServer
import SpanQueueTesting
import Testing

@testable import SpanQueueWeb

@Suite("Requests to the REST interface", .timeLimit(.minutes(1)))
struct RequestTests {
    @Test(
        "an address that others can reach is refused",
        arguments: ["0.0.0.0:0", "[::]:0", "192.168.1.1:0", "example.com:0", "localhost.evil.example:0"])
    func addresses(_ text: String) throws {
        let address = try ListenAddress(text)
        let admin = Admin(try JobQueue.testing())
        let error = #expect(throws: SpanQueueError.self) {
            try WebServer(address, admin: admin, logger: Logger(label: "test"))
        }
        #expect(error?.code == .invalidArgument)
    }

    @Test("a name that is not ours is refused, whatever is asked", arguments: ["GET", "POST", "DELETE", "OPTIONS"])
    func hosts(_ method: String) async throws {
        try await WebUnderTest.run { web in
            try await web.queue.enqueue(type: "t", payload: [], .id("a"))
            for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "[::2]"] {
                let path = method == "POST" ? "/api/v1/jobs/a/cancel" : "/api/v1/jobs/a"
                let answer = try await web.call(method, path, headers: ["Host": host])
                #expect(answer.status == 403 && answer.code == "forbidden", "\(host): \(answer.text)")
            }
            #expect(try await web.queue.job("a")?.state == .ready)
            for host in ["127.0.0.1", "[::1]:80", "LOCALHOST:1234"] where method == "GET" {
                #expect(try await web.call(method, "/api/v1/jobs/a", headers: ["Host": host]).status == 200)
            }
        }
    }

    @Test("what another site's page sends is refused and changes nothing")
    func crossSite() async throws {
        try await WebUnderTest.run { web in
            try await web.queue.enqueue(type: "t", payload: [], .id("a"), .queue("mail"))
            let writes = [
                ("POST", "/api/v1/jobs", #"{"type":"t"}"#), ("POST", "/api/v1/jobs/a/cancel", ""),
                ("POST", "/api/v1/jobs/a/bury", ""), ("POST", "/api/v1/jobs/a/redrive", ""),
                ("DELETE", "/api/v1/jobs/a", ""), ("PATCH", "/api/v1/queues/mail", #"{"paused":true}"#),
                ("POST", "/api/v1/bulk-actions", #"{"dry_run":true,"action":"cancel","filter":{"queue":"mail"}}"#),
                ("POST", "/api/v1/bulk-actions/a/stop", ""),
            ]
            #expect(writes.count == Routes.all.filter(\.isWrite).count)
            let before = try await web.call("GET", "/api/v1/stats").text
            for (method, path, body) in writes {
                for headers in [
                    ["Sec-Fetch-Site": "cross-site"], ["Sec-Fetch-Site": "same-site"],
                    ["Origin": "http://evil.example"], ["Origin": "null"], ["Origin": "http://localhost:1"],
                    ["Origin": "https://localhost:\(web.port)"],
                ] {
                    let answer = try await web.call(method, path, body, headers: headers)
                    #expect(answer.status == 403 && answer.code == "forbidden", "\(method) \(path) \(headers)")
                }
                guard method != "DELETE" else { continue }
                for type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""] {
                    let answer = try await web.call(method, path, body, headers: ["Content-Type": type])
                    #expect(answer.status == 415, "\(method) \(path) \(type)")
                }
            }
            #expect(try await web.call("GET", "/api/v1/stats").text == before)
            for headers in [["Sec-Fetch-Site": "same-origin"], ["Origin": "http://localhost:\(web.port)"]] {
                #expect(try await web.call("POST", "/api/v1/jobs/a/redrive", headers: headers).status == 200)
            }
        }
    }

    @Test("nothing is let into a cache, a frame or another site, and no site is let in")
    func headers() async throws {
        try await WebUnderTest.run { web in
            for path in ["/api/v1/stats", "/api/v1/none", "/api/v1/openapi.json"] {
                let answer = try await web.call("GET", path, headers: ["Origin": "http://evil.example"])
                #expect(answer.headers["cache-control"] == "no-store")
                #expect(answer.headers["x-content-type-options"] == "nosniff")
                #expect(answer.headers["cross-origin-resource-policy"] == "same-origin")
                #expect(answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'")
                #expect(!answer.headers.keys.contains { $0.hasPrefix("access-control") })
            }
        }
    }

    @Test(
        "what can't be used is a problem with a code",
        arguments: [
            ("GET", "/api", 404), ("GET", "/api/v1/", 404), ("GET", "/api/v1/jobs/", 400),
            ("GET", "/api/v1//jobs", 404),
            ("GET", "/api/v1/jobs/none", 404), ("GET", "/api/v1/jobs?queue=none", 404),
            ("GET", "/api/v1/jobs?queue=a/b", 400), ("GET", "/api/v1/jobs/a%2Fb", 400),
            ("GET", "/api/v1/jobs/%zz", 400), ("GET", "/api/v1/jobs/%FF", 400), ("GET", "/api/v1/jobs?limit=0", 400),
            ("GET", "/api/v1/jobs?limit=201", 400), ("GET", "/api/v1/jobs?limit=1&limit=2", 400),
            ("GET", "/api/v1/jobs?state=gone", 400), ("GET", "/api/v1/jobs?cursor=x", 400),
            ("GET", "/api/v1/jobs?nonsense=1", 400), ("GET", "/api/v1/jobs?%3Cscript%3E=1", 400),
            ("GET", "/api/v1/queues/none", 404), ("PUT", "/api/v1/jobs", 405), ("POST", "/api/v1/stats", 405),
            ("DELETE", "/api/v1/queues/mail", 405), ("PATCH", "/api/v1/queues/mail", 400),
            ("POST", "/api/v1/jobs", 400), ("POST", "/api/v1/jobs/none/cancel", 404),
        ])
    func problems(_ method: String, _ target: String, _ status: Int) async throws {
        try await WebUnderTest.run { web in
            try await web.queue.enqueue(type: "t", payload: [], .queue("mail"))
            let answer = try await web.call(
                method, target, headers: method == "PUT" ? ["Content-Type": "application/json"] : [:])
            #expect(answer.status == status, "\(answer.text)")
            #expect(answer.headers["content-type"] == "application/problem+json")
            #expect(answer.code != nil && answer.object["status"] as? Int == status)
            #expect(!answer.text.contains("<"))
            #expect((answer.headers["allow"] != nil) == (status == 405))
        }
    }

    @Test("HEAD is GET without a body, OPTIONS says what there is, and large answers are compressed on demand")
    func methods() async throws {
        try await WebUnderTest.run { web in
            let head = try await web.call("HEAD", "/api/v1/stats")
            #expect(head.status == 200 && head.bytes.isEmpty && head.headers["content-type"] == "application/json")
            let options = try await web.call("OPTIONS", "/api/v1/jobs")
            #expect(options.status == 204 && options.headers["allow"] == "GET, HEAD, OPTIONS, POST")
            let packed = try await web.call(
                "GET", "/api/v1/openapi.json", headers: ["Accept-Encoding": "gzip"], isDescribed: false)
            let plain = try await web.call("GET", "/api/v1/openapi.json")
            #expect(packed.headers["content-encoding"] == "gzip" && packed.bytes.count < plain.bytes.count / 2)
            #expect(packed.bytes.starts(with: [0x1F, 0x8B]) && plain.headers["content-encoding"] == nil)
        }
    }

    @Test("a body that is too large is refused while it is read, whatever is said of its size")
    func bodies() async throws {
        try await WebUnderTest.run { web in
            let large = #"{"type":"t","payload":""# + String(repeating: "x", count: 2 << 20) + #""}"#
            let answer = try await web.call("POST", "/api/v1/jobs", large)
            #expect(answer.status == 413 && answer.code == "too_large" && answer.headers["connection"] == "close")
            let chunk = String(repeating: "x", count: 1 << 20)
            let chunked = "100000\r\n\(chunk)\r\n100000\r\n\(chunk)\r\n0\r\n\r\n"
            let other = try await web.call(
                "POST", "/api/v1/jobs", chunked, headers: ["Transfer-Encoding": "chunked", "Content-Length": ""])
            #expect(other.status == 413)
            #expect(try await web.call("GET", "/api/v1/stats", "{}").status == 413)
            #expect(try await web.queue.queues().isEmpty)
        }
    }

    @Test("a server that only shows has no way to do anything, and says so")
    func readOnly() async throws {
        try await WebUnderTest.run(isReadOnly: true) { web in
            try await web.queue.enqueue(type: "t", payload: Array("x".utf8), .id("a"), .queue("mail"))
            for route in Routes.all where route.isWrite {
                let path = route.path.replacing("{id}", with: "a").replacing("{queue}", with: "mail")
                let answer = try await web.call(route.method.rawValue, path, #"{"paused":true}"#, isDescribed: false)
                #expect([404, 405].contains(answer.status), "\(route.path)")
            }
            #expect(try await web.queue.job("a")?.state == .ready)
            #expect(try await web.call("GET", "/api/v1/jobs/a/payload").string("payload") == "x")
            #expect(try await web.call("GET", "/api/v1/session").object["scopes"] as? [String] == ["payload", "read"])
        }
    }
}
