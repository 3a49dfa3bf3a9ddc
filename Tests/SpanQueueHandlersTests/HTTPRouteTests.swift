// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueue
import Testing

@testable import SpanQueueHandlers

@Suite("What goes along with a delivery")
struct HTTPRouteTests {
    private let delivery = HTTPDelivery()
    private let receiver: HTTPReceiver

    init() throws {
        receiver = try HTTPReceiver.shared.get()
    }

    private struct Echo: Decodable {
        var headers: [String: String]
    }

    private func deliver(_ route: HTTPRoute, _ sample: SampleJob) async throws -> (any Error)? {
        let handler = try delivery.handler(route)
        return await failure { try await handler(sample.payload, sample.context) }
    }

    @Test("headers of one's own arrive beside ours, and may replace Content-Type and User-Agent")
    func headers() async throws {
        let sample = SampleJob("{}")
        let route = HTTPRoute(
            url: receiver.url + "/echo",
            headers: [
                try HTTPHeader(name: "Authorization", value: "Bearer s3cret"),
                try HTTPHeader(name: "content-type", value: "application/cloudevents+json"),
                try HTTPHeader(name: "User-Agent", value: "shop/1"),
            ])
        #expect(try await deliver(route, sample) == nil)
        let echo = try JSONDecoder().decode(Echo.self, from: Data(try #require(sample.result)))
        #expect(echo.headers["authorization"] == "Bearer s3cret")
        #expect(echo.headers["content-type"] == "application/cloudevents+json")
        #expect(echo.headers["user-agent"] == "shop/1")
        #expect(echo.headers["spanq-job-id"] == "job-1")
        #expect(echo.headers["webhook-signature"] == nil)
        await delivery.shutdown()
    }

    @Test(
        "a header that would change the request, or pass for ours, is refused without its value",
        arguments: [
            ("", "canary"), ("X Y", "canary"), ("X:Y", "canary"), ("Ä", "canary"), ("X", ""), ("X", "canary\r\nY: z"),
            ("X", "canary\0"), ("X", "canaryé"), ("Content-Length", "canary"), ("transfer-encoding", "canary"),
            ("HOST", "canary"), ("Connection", "canary"), ("traceparent", "canary"), ("Spanq-Job-Id", "canary"),
            ("Webhook-Signature", "canary"),
        ])
    func refused(_ name: String, _ value: String) {
        let error = #expect(throws: SpanQueueError.self) { _ = try HTTPHeader(name: name, value: value) }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.contains("canary") == false)
    }

    @Test("a receiver that knows the key accepts the signature, whatever the payload", arguments: [0, 2, 70_000])
    func signature(_ size: Int) async throws {
        let (key, path) = try key(filledWith: 7)
        let sample = SampleJob([UInt8](repeating: 0xFE, count: size))
        #expect(try await deliver(HTTPRoute(url: receiver.url + path, signingKeys: [key]), sample) == nil)
        #expect(sample.resultText == "job-1 1")
        await delivery.shutdown()
    }

    @Test("while a key is changed, receivers with the old one and with the new one accept")
    func twoKeys() async throws {
        let (old, oldPath) = try key(filledWith: 1)
        let (new, newPath) = try key(filledWith: 2)
        for path in [oldPath, newPath] {
            let sample = SampleJob("{}")
            #expect(try await deliver(HTTPRoute(url: receiver.url + path, signingKeys: [old, new]), sample) == nil)
            #expect(sample.resultText == "job-1 2")
        }
        let sample = SampleJob("{}")
        let error = try await deliver(HTTPRoute(url: receiver.url + newPath, signingKeys: [old]), sample)
        #expect("\(try #require(error))".contains("wrong signature"))
        await delivery.shutdown()
    }

    @Test("the example of Standard Webhooks gets its signature")
    func published() throws {
        let key = try WebhookKey("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        let signature = key.signature(
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp: 1_614_265_330, payload: Array(#"{"test": 2432232314}"#.utf8))
        #expect(signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
    }

    @Test("dots in an id can't move into the timestamp")
    func ambiguity() {
        #expect(WebhookSignature.messageID("a.b.1700000000") == "a%2Eb%2E1700000000")
        #expect(WebhookSignature.messageID("0198-a:b_c") == "0198-a:b_c")
    }

    @Test(
        "what is not a key is refused without a word of it, and a key shows itself nowhere",
        arguments: [
            "", "whsec_", "canary", "whsec_canary", "whsec_" + String(repeating: "A", count: 28),
            "whsec_" + String(repeating: "A", count: 92), "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        ])
    func badKeys(_ text: String) throws {
        let error = #expect(throws: SpanQueueError.self) { _ = try WebhookKey(text) }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.contains("canary") == false && error?.message.contains("AAAA") == false)
        let key = try WebhookKey("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        var dumped = ""
        dump(HTTPRoute(url: "http://h/", signingKeys: [key]), to: &dumped)
        #expect(!"\(key) \(String(reflecting: key)) \(dumped)".contains("MfKQ") && !dumped.contains("49"))
    }

    /// A key of 32 equal bytes, and the receiver's path that checks it.
    private func key(filledWith byte: UInt8) throws -> (WebhookKey, String) {
        let text = Data(repeating: byte, count: 32).base64EncodedString()
        let path = text.replacing("+", with: "-").replacing("/", with: "_")
        return (try WebhookKey("whsec_" + text), "/webhook/" + path)
    }
}
