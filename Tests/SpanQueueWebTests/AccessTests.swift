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

@Suite("Who may come", .timeLimit(.minutes(1)))
struct AccessTests {
    private static let users = [
        "vera viewer *", "otto operator *", "ada admin *", "pia producer *", "wim worker *", "lim admin mail,media-*",
    ]

    /// A queue with jobs that each route can act on.
    private static func fill(_ web: WebUnderTest) async throws {
        for (id, queue) in [("a", "mail"), ("b", "mail"), ("c", "mail"), ("d", "mail"), ("secret-job", "secret-queue")]
        {
            try await web.queue.enqueue(
                type: "t", payload: Array("{}".utf8), .id(try JobID(id)), .queue(queue), .delay(.seconds(60)))
        }
        try await web.queue.pause("secret-queue", reason: "secret-reason")
    }

    private static func target(_ route: Route, job: String = "a", queue: String = "mail") -> String {
        // It would not end; what it shows to whom has a test of its own.
        if route.path == Route.events { return route.path + "?topics=none" }
        return route.path.replacing("{id}", with: job).replacing("{queue}", with: queue)
    }

    private static func body(_ route: Route) -> String? {
        switch (route.method, route.path) {
        case (.post, "/api/v1/jobs"): #"{"type":"t","queue":"mail"}"#
        case (.patch, _): #"{"paused":true}"#
        case (.post, "/api/v1/session"): #"{"name":"vera","token":"x"}"#
        default: nil
        }
    }

    @Test("each route lets each role do what its scope says, and nobody else anything")
    func routesByRoles() async throws {
        try await WebUnderTest.run(users: Self.users) { web in
            try await Self.fill(web)
            for route in Routes.all where !route.isOpen {
                let method = route.method.rawValue
                let nobody = try await web.call(method, Self.target(route), Self.body(route))
                #expect(nobody.status == 401 && nobody.code == "unauthenticated", "\(method) \(route.path)")
                #expect(nobody.headers["www-authenticate"]?.hasPrefix("Bearer") == true)
                for (user, role) in [
                    ("pia", Role.producer), ("wim", .worker), ("vera", .viewer), ("otto", .operator), ("ada", .admin),
                ] {
                    let may = route.scope.map(role.scopes.contains) ?? true
                    let answer = try await web.call(method, Self.target(route), Self.body(route), as: user)
                    if may {
                        // It may come too late for the job, or want a body, but it comes.
                        #expect(
                            ![401, 403].contains(answer.status) && answer.status < 500,
                            "\(user) \(method) \(route.path): \(answer.text)")
                    } else {
                        #expect(answer.status == 403 && answer.code == "forbidden", "\(user) \(method) \(route.path)")
                    }
                }
            }
            // The last of them could.
            #expect(try await web.queue.job("a") == nil)
        }
    }

    @Test("what a role may not do is not done")
    func refusals() async throws {
        try await WebUnderTest.run(users: Self.users) { web in
            try await Self.fill(web)
            for route in Routes.all where route.isWrite {
                for user in [nil, "vera", route.scope == .produce ? "otto" : "pia"] {
                    let answer = try await web.call(
                        route.method.rawValue, Self.target(route), Self.body(route), as: user)
                    #expect([401, 403].contains(answer.status))
                }
            }
            #expect(try await web.queue.job("a")?.state == .scheduled)
            let counts = try #require(try await web.queue.counts(of: ["mail"]).first)
            #expect(!counts.isPaused && counts.totals.enqueued == 4)
        }
    }

    @Test("who may see some queues only, finds no trace of another, and can do nothing to it")
    func queues() async throws {
        try await WebUnderTest.run(users: Self.users) { web in
            try await Self.fill(web)
            try await web.queue.engine.announce(
                WorkerInfo(
                    id: "w-1", host: "h", pid: 1, queues: ["secret-queue"], concurrency: 1, busy: 0,
                    startedAt: web.clock.now, version: "1"), lifetime: .seconds(60))
            try await web.call("PATCH", "/api/v1/queues/secret-queue", #"{"paused":true,"reason":"secret"}"#, as: "ada")
            for route in Routes.all where route.method == .get {
                for target in [Self.target(route), Self.target(route, job: "secret-job", queue: "secret-queue")] {
                    let answer = try await web.call("GET", target, as: "lim")
                    let shown = answer.text.replacing("no queue secret-queue", with: "").replacing(
                        "no job secret-job", with: "")
                    #expect(!shown.contains("secret"), "\(target): \(answer.text)")
                }
            }
            #expect(try await web.call("GET", "/api/v1/jobs?queue=secret-queue", as: "lim").status == 404)
            #expect(try await web.call("GET", "/api/v1/jobs/secret-job?queue=secret-queue", as: "lim").status == 404)
            for route in Routes.all where route.isWrite && route.path.contains("{") {
                let target = Self.target(route, job: "secret-job", queue: "secret-queue")
                let answer = try await web.call(
                    route.method.rawValue, target, Self.body(route) == nil ? nil : #"{"paused":false}"#, as: "lim")
                #expect([403, 404].contains(answer.status), "\(target): \(answer.text)")
            }
            let enqueue = try await web.call("POST", "/api/v1/jobs", #"{"type":"t","queue":"secret-queue"}"#, as: "lim")
            #expect(enqueue.status == 403)
            #expect(try await web.call("POST", "/api/v1/jobs", #"{"type":"t"}"#, as: "lim").status == 403)
            #expect(
                try await web.call("POST", "/api/v1/jobs", #"{"type":"t","queue":"media-x"}"#, as: "lim").status == 201)
            #expect(try await web.queue.job("secret-job")?.state == .scheduled)
            #expect(try await web.queue.counts(of: ["secret-queue"]).first?.isPaused == true)
        }
    }

    @Test("tokens that are wrong, of another form, or of another name let nobody in")
    func tokens() async throws {
        try await WebUnderTest.run(users: Self.users) { web in
            func status(_ authorization: String) async throws -> Int {
                try await web.call("GET", "/api/v1/stats", headers: ["Authorization": authorization]).status
            }
            let token = try #require(web.tokens["vera"]).text
            func basic(_ text: String) -> String { "Basic \(Data(text.utf8).base64EncodedString())" }
            #expect(try await status("Bearer \(token)") == 200)
            #expect(try await status("bearer  \(token)") == 200)
            #expect(try await status(basic("vera:\(token)")) == 200)
            for wrong in [
                "Bearer \(AccessToken().text)", "Bearer \(token.dropLast())", basic("ada:\(token)"), basic(token),
                "Bearer", "Digest x", "", "Basic !",
            ] {
                #expect(try await status(wrong) == 401, "\(wrong)")
            }
        }
    }

    @Test(
        "after ten failures in a minute nothing is looked at, not even what is right; who is signed in is not asked to wait"
    )
    func throttle() async throws {
        try await WebUnderTest.run(users: Self.users) { web in
            let cookie = try await Self.signIn(web, "vera")
            for left in (0..<10).reversed() {
                let answer = try await web.call("POST", "/api/v1/session", #"{"name":"vera","token":"x"}"#)
                #expect(answer.status == 401 && answer.text.contains("\(left) more"))
            }
            for body in [
                #"{"name":"vera","token":"x"}"#, #"{"name":"vera","token":"\#(web.tokens["vera"]?.text ?? "")"}"#,
            ] {
                let answer = try await web.call("POST", "/api/v1/session", body)
                #expect(answer.status == 429 && answer.code == "rate_limited")
                #expect((1...61).contains(Int(answer.headers["retry-after"] ?? "") ?? 0))
            }
            #expect(try await web.call("GET", "/api/v1/stats", as: "vera").status == 429)
            #expect(try await web.call("GET", "/api/v1/stats", headers: ["Cookie": cookie]).status == 200)
        }
    }

    @Test("failures count for a minute from the first, address by address, and there is a bound on what is known")
    func throttleByItself() {
        var throttle = SignInThrottle()
        let start = ContinuousClock.now
        for second in 0..<10 {
            #expect(throttle.wait(for: "a", at: start + .seconds(second)) == nil)
            throttle.fail("a", at: start + .seconds(second))
        }
        #expect(throttle.wait(for: "a", at: start + .seconds(10)) == .seconds(50))
        #expect(throttle.wait(for: "b", at: start + .seconds(10)) == nil)
        #expect(throttle.left(for: "a", at: start + .seconds(59)) == 0)
        #expect(
            throttle.wait(for: "a", at: start + .seconds(60)) == nil
                && throttle.left(for: "a", at: start + .seconds(60)) == 10)
        for number in 0..<20_000 { throttle.fail("\(number)", at: start) }
        #expect(throttle.known <= 4096)
    }

    // MARK: Signing in

    private static func signIn(
        _ web: WebUnderTest, _ name: String, headers: [String: String] = [:]
    ) async throws -> String {
        let answer = try await web.call(
            "POST", "/api/v1/session", #"{"name":"\#(name)","token":"\#(web.tokens[name]?.text ?? "")"}"#,
            headers: headers)
        #expect(answer.status == 204 && answer.bytes.isEmpty)
        return String(try #require(answer.headers["set-cookie"]).prefix { $0 != ";" })
    }

    @Test("a cookie is for twelve hours, for no script, and with TLS for TLS alone; what is signed out does not count")
    func cookies() async throws {
        try await WebUnderTest.run(users: Self.users, access: Self.named("queues.example")) { web in
            let token = try #require(web.tokens["ada"]).text
            let body = #"{"name":"ada","token":"\#(token)"}"#
            let plain = try await web.call("POST", "/api/v1/session", body)
            let attributes = "; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict"
            #expect(plain.headers["set-cookie"]?.hasPrefix("spanq=") == true)
            #expect(plain.headers["set-cookie"]?.hasSuffix(attributes) == true)
            #expect(plain.headers["set-cookie"]?.contains(token) == false)
            let secure = try await web.call(
                "POST", "/api/v1/session", body,
                headers: ["Host": "queues.example", "Origin": "https://queues.example"])
            #expect(secure.headers["set-cookie"]?.hasPrefix("__Host-spanq=") == true)
            #expect(secure.headers["set-cookie"]?.hasSuffix("\(attributes); Secure") == true)
            let cookie = try await Self.signIn(web, "ada")
            let session = try await web.call("GET", "/api/v1/session", headers: ["Cookie": "a=b; \(cookie)"])
            #expect(session.string("name") == "ada" && session.string("role") == "admin")
            let until = try #require(session.string("until").flatMap { RFC3339($0)?.timestamp })
            let left = until - Timestamp(Date())
            #expect(left > .seconds(43_100) && left <= .seconds(43_200))
            #expect(try await web.call("GET", "/api/v1/session", as: "ada").object["until"] is NSNull)
            let other = try await Self.signIn(web, "ada")
            let out = try await web.call("DELETE", "/api/v1/session", headers: ["Cookie": cookie])
            #expect(out.status == 204 && out.headers["set-cookie"]?.contains("Max-Age=0") == true)
            #expect(try await web.call("GET", "/api/v1/session", headers: ["Cookie": cookie]).status == 401)
            let status = try await web.call("GET", "/api/v1/session", headers: ["Cookie": other]).status
            #expect(other == cookie || status == 200)
        }
    }

    @Test("a cookie that was changed, is over, or was signed by another server is none")
    func forgedCookies() throws {
        let cookies = SessionCookie()
        let end = Timestamp(milliseconds: 1_000_000)
        let value = cookies.make(digest: "ab", until: end)
        #expect(cookies.read(value, at: Timestamp(milliseconds: 999_999))?.digest == "ab")
        #expect(cookies.read(value, at: end) == nil)
        #expect(SessionCookie().read(value, at: Timestamp(milliseconds: 0)) == nil)
        for index in value.indices {
            var changed = value
            changed.replaceSubrange(index...index, with: value[index] == "A" ? "B" : "A")
            #expect(cookies.read(changed, at: Timestamp(milliseconds: 0)) == nil, "\(changed)")
        }
        for text in ["", ".", "a.b", value + ".", value + "=", value.replacing(".", with: "")] {
            #expect(cookies.read(text, at: Timestamp(milliseconds: 0)) == nil, "\(text)")
        }
    }

    @Test("what a browser sends by itself does nothing unless the browser says that our own page asks")
    func crossSite() async throws {
        try await WebUnderTest.run(users: Self.users) { web in
            try await Self.fill(web)
            let cookie = try await Self.signIn(web, "ada")
            let token = try #require(web.tokens["ada"]).text
            let basic = "Basic \(Data("ada:\(token)".utf8).base64EncodedString())"
            let own = "http://localhost:\(web.port)"
            let ambient = [["Cookie": cookie], ["Authorization": basic]]
            let hostile: [[String: String]] = [
                [:], ["Origin": "https://evil.example"], ["Origin": "null"], ["Sec-Fetch-Site": "cross-site"],
                ["Sec-Fetch-Site": "same-site"], ["Sec-Fetch-Site": "cross-site", "Origin": own],
                ["Host": "evil.example", "Origin": "http://evil.example"],
                ["Sec-Fetch-Site": "none", "Host": "evil.example:\(web.port)"], ["Host": "localhost.evil.example"],
                ["Origin": "http://localhost"], ["Origin": "\(own).evil.example"],
            ]
            for route in Routes.all where route.isWrite {
                for credential in ambient {
                    for page in hostile {
                        let headers = credential.merging(page) { $1 }
                        let answer = try await web.call(
                            route.method.rawValue, Self.target(route), Self.body(route), headers: headers)
                        #expect(answer.status == 403, "\(route.method) \(route.path) \(page): \(answer.status)")
                        #expect(answer.headers.keys.allSatisfy { !$0.hasPrefix("access-control-") })
                    }
                    let form = credential.merging(["Sec-Fetch-Site": "same-origin", "Content-Type": "text/plain"]) {
                        $1
                    }
                    guard route.method != .delete else { continue }
                    #expect(
                        try await web.call(route.method.rawValue, Self.target(route), Self.body(route), headers: form)
                            .status == 415)
                }
            }
            #expect(try await web.queue.job("a")?.state == .scheduled)
            #expect(try await web.queue.counts(of: ["mail"]).first?.isPaused == false)
            for page in [
                ["Sec-Fetch-Site": "same-origin"], ["Origin": own], ["Origin": "https://localhost:\(web.port)"],
            ] {
                let headers = page.merging(["Cookie": cookie]) { $1 }
                #expect(
                    try await web.call("PATCH", "/api/v1/queues/mail", #"{"paused":true}"#, headers: headers).status
                        == 200)
            }
            #expect(try await web.call("PATCH", "/api/v1/queues/mail", #"{"paused":false}"#, as: "ada").status == 200)
        }
    }

    // MARK: Proxies

    private static func named(_ host: String) -> WebAccess {
        var access = WebAccess()
        access.hosts = [host]
        return access
    }

    private static func proxied(_ ranges: [String]) throws -> WebAccess {
        var access = named("queues.example")
        access.userHeader = "X-Forwarded-User"
        access.groupsHeader = "X-Forwarded-Groups"
        access.proxies = try AddressRanges(ranges)
        return access
    }

    @Test("a proxy that is trusted says who asks; from anywhere else its headers are refused")
    func proxies() async throws {
        let users = Self.users + ["@sre operator mail"]
        try await WebUnderTest.run(users: users, access: try Self.proxied(["127.0.0.0/8"])) { web in
            func session(_ headers: [String: String]) async throws -> WebAnswer {
                try await web.call("GET", "/api/v1/session", headers: headers)
            }
            #expect(try await session(["X-Forwarded-User": "vera"]).string("role") == "viewer")
            let group = try await session(["X-Forwarded-User": "eve", "X-Forwarded-Groups": "dev, sre"])
            #expect(
                group.string("name") == "eve" && group.string("role") == "operator" && group.string("queues") == "mail")
            for headers in [
                ["X-Forwarded-User": "eve"], ["X-Forwarded-User": "@sre"],
                ["X-Forwarded-Groups": "sre"], ["X-Forwarded-User": "eve", "X-Forwarded-Groups": "@sre"],
            ] {
                #expect(try await session(headers).status == 403, "\(headers)")
            }
            #expect(try await session([:]).status == 401)
            let write = try await web.call(
                "PATCH", "/api/v1/queues/mail", #"{"paused":true}"#, headers: ["X-Forwarded-User": "ada"])
            #expect(write.status == 403)
            _ = try await web.queue.enqueue(type: "t", payload: [], .id("a"), .queue("mail"))
            let headers = [
                "X-Forwarded-User": "ada", "Sec-Fetch-Site": "same-origin",
                "X-Forwarded-For": "6.6.6.6, 192.0.2.9, 127.0.0.3",
            ]
            try await web.call("PATCH", "/api/v1/queues/mail", #"{"paused":true}"#, headers: headers)
            let deed = try #require(try await web.call("GET", "/api/v1/journal", as: "ada").objects("deeds").first)
            #expect(
                deed["by"] as? String == "ada" && deed["address"] as? String == "192.0.2.9"
                    && deed["via"] as? String == "web")
        }
        try await WebUnderTest.run(users: users, access: try Self.proxied(["10.0.0.0/8"])) { web in
            for headers in [["X-Forwarded-User": "ada"], ["X-Forwarded-Groups": "sre"]] {
                let answer = try await web.call("GET", "/api/v1/session", headers: headers, as: "vera")
                #expect(answer.status == 403)
            }
            let answer = try await web.call(
                "GET", "/api/v1/session", headers: ["X-Forwarded-For": "9.9.9.9"], as: "vera")
            #expect(answer.string("name") == "vera")
        }
    }

    @Test("ranges of addresses")
    func ranges() throws {
        let ranges = try AddressRanges(["10.0.0.0/8", "192.0.2.7", "2001:db8::/33", "::1"])
        for inside in ["10.255.0.1", "192.0.2.7", "::ffff:10.1.2.3", "2001:db8:7fff::1", "::1"] {
            #expect(ranges.contain(inside), "\(inside)")
        }
        for outside in ["11.0.0.0", "192.0.2.8", "2001:db8:8000::", "::2", "", "unknown", "10.0.0", "10.0.0.1/8"] {
            #expect(!ranges.contain(outside), "\(outside)")
        }
        for bad in ["", "10.0.0.0/33", "x", "10.0.0.0/", "::/129", "10.0.0.0/-1", "localhost"] {
            #expect(throws: SpanQueueError.self, "\(bad)") { try AddressRanges([bad]) }
        }
    }

    // MARK: The file

    @Test(
        "a file that is no list of users is refused, by the number of the line and without what is in it",
        arguments: [
            "ada admin *", "ada admin * - -", "ada root * -", "a:b admin * -", "ada admin m@il -", "ada admin * secret",
            "@sre admin * \(String(repeating: "a", count: 64))", "ada admin * -\nada viewer * -",
            "x admin * \(String(repeating: "b", count: 64))\ny viewer * \(String(repeating: "B", count: 64))",
        ])
    func lists(_ text: String) {
        let error = #expect(throws: SpanQueueError.self) { try UserList("# users\n\n\(text)\n") }
        #expect(error?.code == .invalidArgument && error?.message.hasPrefix("line ") == true)
        #expect(error?.message.contains("secret") == false)
    }

    @Test("a file that others may read or write is refused, one that changes counts, one that breaks does not")
    func file() async throws {
        let file = UsersFile()
        defer { file.remove() }
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        #expect(throws: SpanQueueError.self) { try UserFile(path: file.path, logger: logger) }
        for mode in [0o604, 0o602, 0o601, 0o620, 0o666] {
            try file.write("ada admin * -\n", mode: mode)
            let error = #expect(throws: SpanQueueError.self, "\(String(mode, radix: 8))") {
                try UserFile(path: file.path, logger: logger)
            }
            #expect(error?.message.contains("chmod") == true)
        }
        #expect(throws: SpanQueueError.self) { try UserFile(path: "/", logger: logger) }
        try file.write("ada admin * -\n", mode: 0o640)
        let users = try UserFile(path: file.path, logger: logger)
        #expect(users.current().user(named: "ada", groups: []) != nil)
        try file.write("bo viewer * -  # and a note\n")
        #expect(users.current().user(named: "ada", groups: []) != nil, "it is looked at once a second")
        let later = ContinuousClock.now + .seconds(2)
        #expect(users.current(now: later).user(named: "ada", groups: []) == nil)
        #expect(users.current(now: later).user(named: "bo", groups: []) != nil)
        try file.write("what is this\n")
        #expect(users.current(now: later + .seconds(2)).user(named: "bo", groups: []) != nil)
        file.remove()
        #expect(users.current(now: later + .seconds(4)).user(named: "bo", groups: []) != nil)
    }

    @Test("who is taken out of the file is out, whatever cookie they have")
    func removed() async throws {
        let file = UsersFile()
        defer { file.remove() }
        let token = AccessToken()
        try file.write("ada admin * \(token.digest)\n")
        var access = WebAccess()
        access.users = file.path
        let gate = try Gate(access, logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        let cookie = try gate.signIn(name: "ada", token: token.text, [:], peer: "127.0.0.1")
        let headers: HTTPFields = [.cookie: String(cookie.prefix { $0 != ";" })]
        #expect(try gate.visitor(headers, peer: "127.0.0.1").principal.role == .admin)
        try file.write("ada viewer * \(token.digest)\n")
        try await Self.until { (try? gate.visitor(headers, peer: "127.0.0.1").principal.role) == .viewer }
        try file.write("bo viewer * -\n")
        try await Self.until { (try? gate.visitor(headers, peer: "127.0.0.1")) == nil }
    }

    private static func until(_ isSo: () -> Bool) async throws {
        let end = ContinuousClock.now + .seconds(30)
        while !isSo() {
            try #require(ContinuousClock.now < end)
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    // MARK: Where it listens

    @Test("without users it is for this machine alone, whatever a proxy is said to know")
    func addresses() throws {
        let outside = ListenAddress.tcp(host: "0.0.0.0", port: 1)
        #expect(throws: SpanQueueError.self) { try WebServer.check(outside, WebAccess()) }
        try WebServer.check(.unix(path: "/run/x"), WebAccess())
        var access = WebAccess()
        access.users = "file"
        try WebServer.check(outside, access)
        let changes: [(inout WebAccess) -> Void] = [
            { $0.hosts = ["queues.example"] }, { $0.userHeader = "X-User" }, { $0.groupsHeader = "X-Groups" },
            { $0.proxies = (try? AddressRanges(["10.0.0.1"])) ?? $0.proxies },
        ]
        for change in changes {
            var access = WebAccess()
            change(&access)
            #expect(throws: SpanQueueError.self) { try WebServer.check(WebServer.standardAddress, access) }
        }
    }

    @Test("an answer without users: only this machine's names are served, and a name that is given is one more")
    func hosts() async throws {
        try await WebUnderTest.run(users: Self.users, access: Self.named("Queues.Example")) { web in
            for (host, status) in [
                ("queues.example", 200), ("QUEUES.EXAMPLE:443", 200), ("localhost", 200), ("[::1]:9", 200),
                ("evil.example", 403), ("queues.example.evil", 403), ("0.0.0.0", 403), ("127.0.0.2", 403),
            ] {
                let stats = try await web.call("GET", "/api/v1/stats", headers: ["Host": host], as: "vera")
                let door = try await web.call("GET", "/login", headers: ["Host": host], isDescribed: false)
                #expect(stats.status == status && door.status == status, "\(host)")
            }
        }
    }
}
