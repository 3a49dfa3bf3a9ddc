// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueue
import SpanQueueCurl
import SpanQueueTelemetry
import Testing

@testable import SpanQueueHandlers

@Suite("A job that is delivered over HTTP")
struct HTTPDeliveryTests {
    private let delivery = HTTPDelivery()
    private let receiver: HTTPReceiver

    init() throws {
        receiver = try HTTPReceiver.shared.get()
    }

    private func deliver(
        _ path: String, _ sample: SampleJob = SampleJob("{}"),
        _ change: (inout HTTPDeliveryConfiguration) -> Void = { _ in }
    ) async throws -> (any Error)? {
        var configuration = HTTPDeliveryConfiguration()
        change(&configuration)
        let delivery = HTTPDelivery(configuration: configuration)
        let handler = try delivery.handler(url: receiver.url + path)
        let error = await failure { try await handler(sample.payload, sample.context) }
        await delivery.shutdown()
        return error
    }

    private struct Echo: Decodable {
        var method: String
        var path: String
        var headers: [String: String]
        var body: String
    }

    private func echo(_ sample: SampleJob) throws -> Echo {
        try JSONDecoder().decode(Echo.self, from: Data(try #require(sample.result)))
    }

    @Test("is a POST of its payload, with what the job is in the headers; the response is its result")
    func request() async throws {
        let sample = SampleJob(#"{"user":1}"#)
        #expect(try await deliver("/echo?x=1", sample) == nil)
        let echo = try echo(sample)
        #expect(echo.method == "POST" && echo.path == "/echo?x=1" && echo.body == #"{"user":1}"#)
        let expected = [
            "content-type": "application/json", "traceparent": sample.context.trace.traceParent,
            "tracestate": "vendor=1",
            "baggage": "who=me", "spanq-job-id": "job-1", "spanq-job-type": "email:welcome", "spanq-attempt": "2",
            "spanq-token": "1234", "user-agent": "spanq/\(SpanQueueVersion.text)", "content-length": "10",
        ]
        for (name, value) in expected { #expect(echo.headers[name] == value, "\(name)") }
        #expect(echo.headers["expect"] == nil)
    }

    @Test("headers of one's own are sent, and refused where SpanQueue or HTTP sets them")
    func headers() async throws {
        let sample = SampleJob("{}")
        let handler = try delivery.handler(
            url: receiver.url + "/echo", headers: [("X-Key", "secret"), ("User-Agent", "mine")])
        try await handler(sample.payload, sample.context)
        let echo = try echo(sample)
        #expect(echo.headers["x-key"] == "secret" && echo.headers["user-agent"] == "mine")
        for (name, value) in [("Spanq-Job-Id", "1"), ("Host", "h"), ("two words", "a"), ("X-Key", "")] {
            #expect(throws: SpanQueueError.self, "\(name)") {
                try delivery.handler(url: receiver.url, headers: [(name, value)])
            }
        }
        await delivery.shutdown()
    }

    @Test("may be any bytes, none, or as many as a payload may have", arguments: [0, 1, 1 << 20])
    func payloads(_ size: Int) async throws {
        let sample = SampleJob([UInt8](repeating: 0xFE, count: size))
        #expect(try await deliver("/echo", sample) { $0.responseLimit = 64 } == nil)
        #expect(sample.result?.count == 64)
        let small = SampleJob([0, 0xFE, 0x0A])
        #expect(try await deliver("/echo", small) == nil)
        let echo = try echo(small)
        #expect(echo.body == "\0\u{FE}\n")
        #expect(echo.headers["content-type"] == "application/octet-stream")
    }

    @Test("leaves out a tracestate or baggage that would break the request")
    func hostileTrace() async throws {
        let trace = TraceContext(
            traceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", traceState: "a=1\r\nX-Evil: 1",
            baggage: "b=\0")
        let sample = SampleJob("1", trace: trace)
        #expect(try await deliver("/echo", sample) == nil)
        let echo = try echo(sample)
        #expect(echo.headers["tracestate"] == nil && echo.headers["baggage"] == nil && echo.headers["x-evil"] == nil)
    }

    @Test("completes with any 2xx", arguments: [200, 201, 202, 204])
    func completes(_ status: Int) async throws {
        #expect(try await deliver("/status/\(status)") == nil)
    }

    @Test("is buried with a 4xx that says never", arguments: [400, 401, 403, 404, 410, 413, 422, 451])
    func buries(_ status: Int) async throws {
        let error = try await deliver("/status/\(status)?retry_after=5&body=no%20such%0Auser")
        guard let error = error as? JobError, error.kind == .permanent else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(error.text == "HTTP \(status) from \(receiver.url)/status/\(status): no such user")
    }

    @Test("is tried again with any other status", arguments: [301, 302, 307, 408, 409, 425, 429, 500, 502, 503, 504])
    func retries(_ status: Int) async throws {
        let error = try #require(try await deliver("/status/\(status)?body=later") as? any NamedError)
        #expect("\(error)" == "HTTP \(status) from \(receiver.url)/status/\(status): later")
        #expect(error.errorType == "http_status")
    }

    @Test(
        "is tried again when the response asks for it, at most a day later", arguments: [("7", 7), ("999999", 86400)])
    func retryAfter(_ value: String, _ seconds: Int) async throws {
        for status in [429, 503] {
            let error = try await deliver("/status/\(status)?retry_after=\(value)")
            guard case .retry(let delay)? = (error as? JobError)?.kind else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(delay == .seconds(seconds))
        }
    }

    @Test("is tried again at the date that the response names")
    func retryAfterDate() async throws {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(secondsFromGMT: 0)
        formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        let date = formatter.string(from: Date(timeIntervalSinceNow: 90)).replacing(" ", with: "%20")
        let error = try await deliver("/status/503?retry_after=\(date)")
        guard case .retry(let delay)? = (error as? JobError)?.kind else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(delay > .seconds(80) && delay <= .seconds(90))
        // One that has passed, or is not a date, asks for nothing.
        for value in ["Sun,%2006%20Nov%201994%2008:49:37%20GMT", "soon", "-5", "0"] {
            #expect(try await deliver("/status/503?retry_after=\(value)") is any NamedError)
        }
    }

    @Test("is not sent on to where a redirect points")
    func redirect() async throws {
        let target = "/count-target-\(UUID().uuidString)"
        #expect(try await deliver("/status/302?location=\(target)") is any NamedError)
        let sample = SampleJob()
        #expect(try await deliver("/count\(target)", sample) == nil)
        #expect(sample.resultText == "0")
    }

    @Test(
        "keeps the start of a large response, and reads no more of it", .timeLimit(.minutes(1)),
        arguments: ["/big/10000000", "/endless"])
    func largeResponse(_ path: String) async throws {
        let sample = SampleJob()
        #expect(try await deliver(path, sample) == nil)
        #expect(sample.result?.count == 64 << 10)
        #expect(sample.log.lines.contains { $0.contains("result was cut") })
    }

    @Test("keeps a response of exactly the limit whole")
    func exactResponse() async throws {
        let sample = SampleJob()
        #expect(try await deliver("/big/\(64 << 10)", sample) == nil)
        #expect(sample.result?.count == 64 << 10)
        #expect(sample.log.lines.isEmpty)
    }

    @Test(
        "is tried again when no sound answer comes in time", .timeLimit(.minutes(1)),
        arguments: [
            ("/slow/20", "http_timeout"), ("/trickle", "http_timeout"), ("/drop", "http_transfer"),
            ("/garbage", "http_transfer"),
        ])
    func noAnswer(_ path: String, _ type: String) async throws {
        let start = ContinuousClock.now
        let error = try #require(
            try await deliver(path) { $0.timeout = .milliseconds(300) } as? any NamedError)
        #expect(error.errorType == type)
        #expect(ContinuousClock.now - start < .seconds(15))
        #expect("\(error)".contains(receiver.url + path))
    }

    @Test("is tried again when the response's headers do not end", .timeLimit(.minutes(1)))
    func endlessHeaders() async throws {
        let error = try #require(try await deliver("/headers") as? any NamedError)
        #expect("\(error)" == "no answer from \(receiver.url)/headers: its headers are too large")
        #expect(error.errorType == "http_transfer")
    }

    @Test("is tried again when nobody listens, or the name is unknown")
    func unreachable() async throws {
        for (url, type) in [("http://127.0.0.1:1/x", "http_connect"), ("http://nowhere.invalid/x", "http_resolve")] {
            let handler = try delivery.handler(url: url)
            let sample = SampleJob()
            let error = try #require(
                await failure { try await handler(sample.payload, sample.context) } as? any NamedError)
            #expect(error.errorType == type, "\(error)")
        }
        await delivery.shutdown()
    }

    @Test("uses the credentials of the URL and shows them nowhere")
    func credentials() async throws {
        let place = receiver.url.replacing("http://", with: "")
        for (status, path) in [(200, "/echo"), (503, "/status/503"), (404, "/status/404"), (0, "/drop")] {
            let sample = SampleJob()
            let handler = try delivery.handler(url: "http://can%40ary:s3cret@\(place)\(path)?token=canary")
            let error = await failure { try await handler(sample.payload, sample.context) }
            let shown = "\(error.map { "\($0)" } ?? "") \(sample.log.lines)"
            #expect(!shown.contains("s3cret") && !shown.contains("ary"), "\(status): \(shown)")
            if status == 200 {
                let basic = Data("can@ary:s3cret".utf8).base64EncodedString()
                #expect(try echo(sample).headers["authorization"] == "Basic \(basic)")
            }
        }
        await delivery.shutdown()
    }

    @Test(
        "needs a URL that is one, without a word of it in the error",
        arguments: [
            "", "canary", "ftp://canary@host/", "file:///etc/canary", "http://", "http://user:canary@:80:80/",
            "//canary",
            "http://canary@ho st/", "http://ca%00nary:x@host/", "gopher://canary/", "http://user:canary@host@other]/",
        ])
    func badURL(_ url: String) {
        let error = #expect(throws: SpanQueueError.self) { _ = try delivery.handler(url: url) }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.contains("canary") == false, "\(error?.message ?? "")")
    }

    @Test("goes to allowed hosts only")
    func allowedHosts() throws {
        var configuration = HTTPDeliveryConfiguration()
        configuration.allowedHosts = ["Hooks.Example", "127.0.0.1", "[::1]"]
        let delivery = HTTPDelivery(configuration: configuration)
        for url in [
            "http://hooks.example/x", "https://HOOKS.example.:8443/", "http://127.0.0.1:9000/jobs", "http://[::1]/",
            "http://2130706433/", "http://user:x@hooks.example/",
        ] {
            _ = try delivery.handler(url: url)
        }
        for url in [
            "http://example/", "http://hooks.example.evil/", "http://hooks.example@evil/", "http://evil/hooks.example",
            "http://evil#@hooks.example/", "http://evil\\@hooks.example/",
        ] {
            #expect(throws: SpanQueueError.self, "\(url)") { _ = try delivery.handler(url: url) }
        }
    }

    @Test("is given up as soon as its task is cancelled", .timeLimit(.minutes(1)))
    func cancellation() async throws {
        let handler = try delivery.handler(url: receiver.url + "/slow/30")
        let sample = SampleJob()
        let before = try await count("/count/slow/30")
        let task = Task { await failure { try await handler(sample.payload, sample.context) } }
        while try await count("/count/slow/30") == before { try await Task.sleep(for: .milliseconds(5)) }
        let start = ContinuousClock.now
        task.cancel()
        #expect(await task.value is CancellationError)
        #expect(ContinuousClock.now - start < .seconds(10))
        await delivery.shutdown()
    }

    @Test("is tried again when the delivery is shut down under it, or before", .timeLimit(.minutes(1)))
    func shutdown() async throws {
        let handler = try delivery.handler(url: receiver.url + "/slow/29")
        let sample = SampleJob()
        let before = try await count("/count/slow/29")
        let task = Task { await failure { try await handler(sample.payload, sample.context) } }
        while try await count("/count/slow/29") == before { try await Task.sleep(for: .milliseconds(5)) }
        await delivery.shutdown()
        #expect((await task.value as? any NamedError)?.errorType == "http_closed")
        let error = await failure { try await handler(sample.payload, sample.context) }
        #expect((error as? any NamedError)?.errorType == "http_closed")
        await delivery.shutdown()
    }

    private func count(_ path: String) async throws -> Int {
        let sample = SampleJob()
        let handler = try delivery.handler(url: receiver.url + path)
        try await handler(sample.payload, sample.context)
        return try #require(Int(sample.resultText))
    }
}
