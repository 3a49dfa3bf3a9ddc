// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueue
import SpanQueueAdmin
import Testing

@Suite("What is masked")
struct RedactionTests {
    private let redaction: Redaction

    init() throws {
        redaction = try Redaction(["password", "*.token", "card.number"])
    }

    @Test(
        "members of JSON by their path at any depth; the rest stays as it was written, byte for byte",
        arguments: [
            (#"{"password":"x"}"#, #"{"password":"‹masked›"}"#),
            (
                #"{ "a" : [ {"Password" : {"deep":[1,2]} , "n":9007199254740993} ] }"#,
                #"{ "a" : [ {"Password" :"‹masked›", "n":9007199254740993} ] }"#
            ),
            (#"{"token":1,"a":{"token":null,"tokens":2}}"#, #"{"token":1,"a":{"token":"‹masked›","tokens":2}}"#),
            (
                #"{"card":{"number":"4111","holder":"A"},"number":7}"#,
                #"{"card":{"number":"‹masked›","holder":"A"},"number":7}"#
            ),
            (#"{"card":[{"number":1},{"x":{"number":2}}]}"#, #"{"card":[{"number":"‹masked›"},{"x":{"number":2}}]}"#),
            (#"{"pass\u0077ord":true,"é\n":1.50e+3}"#, #"{"pass\u0077ord":"‹masked›","é\n":1.50e+3}"#),
            (#"[]"#, "[]"), (" {} ", " {} "), ("[1, -2.0,true]", "[1, -2.0,true]"),
        ])
    func json(_ text: String, _ masked: String) {
        #expect(redaction.masked(text) == masked)
    }

    @Test(
        "what stands behind such a name in other texts, whatever is around it",
        arguments: [
            "password=canary", "db_password: canary words of it", "PASSWORD => 'canary'", #"{"password": "canary", "#,
            #"login failed: {"user":"a","password":"canary"}"#, #"{\"password\":\"canary\"}"#, "password=\"canary",
            "a\npassword = \"can\nary canary\" b", "https://h/?a=1&token=canary&b=2", "'token': \"canary\"",
            "card.number=canary", "password:\tcanary\nnext",
        ])
    func texts(_ text: String) {
        let shown = redaction.masked(text)
        #expect(!shown.contains("canary") && shown.contains(Redaction.mask), "\(shown)")
    }

    @Test(
        "what stands behind such a name in the text of a group of errors, where the name itself is masked",
        arguments: [
            "password=canary", "\"password\": canary", "'token' => canary words", "/etc/password: canary",
            "pin2=canary",
            "a pin2: canary", "key `password`= canary",
        ])
    func groups(_ text: String) throws {
        let redaction = try Redaction(["password", "*.token", "pin2"])
        let masked = ErrorFingerprint(jobType: "t", errorType: nil, error: text).masked
        let shown = redaction.masked(masked)
        #expect(masked.contains("canary") && !shown.contains("canary") && shown.contains(Redaction.mask), "\(shown)")
    }

    @Test("texts that only speak of it stay as they are")
    func others() throws {
        for text in ["the password is wrong", "passwordless: yes", "mytoken=1", "a=b", "", "[not json", "no. 7"] {
            #expect(redaction.masked(text) == text)
        }
        #expect(redaction.masked("x password=1&y=2") == "x password=‹masked›&y=2")
        #expect(Redaction().masked("password=1") == "password=1" && Redaction().isEmpty)
    }

    @Test("JSON within a text of JSON is masked too, and so is each text of an answer")
    func answers() throws {
        let answer =
            #"{"error":"{\"password\":\"canary\"}","n":9007199254740993,"list":["token=canary","é\\\""],"password":"shown: a name of ours"}"#
        let shown = String(decoding: redaction.masked(answer: Data(answer.utf8)), as: UTF8.self)
        #expect(!shown.contains("canary") && shown.contains("9007199254740993") && shown.contains(#"é\\\""#))
        #expect((try JSONSerialization.jsonObject(with: Data(shown.utf8)) as? [String: Any])?.count == 4)
        let lines = "{\"a\":\"token=canary\"}\n{\"a\":\"x\"}\n"
        #expect(
            String(decoding: redaction.masked(answer: Data(lines.utf8)), as: UTF8.self).hasSuffix("\n{\"a\":\"x\"}\n"))
    }

    @Test("bytes in which nothing can be masked are not shown")
    func bytes() throws {
        for bytes in [Array("password: x".utf8), [0xFF, 0x00], Array("{".utf8), Array(#"{"a":1,"a":2}"#.utf8)] {
            #expect(throws: AdminError.self) { try redaction.check(bytes) }
            try Redaction().check(bytes)
        }
        for bytes in [[], Array("{}".utf8), Array("\"text\"".utf8), Array("7".utf8)] { try redaction.check(bytes) }
    }

    @Test("a path that is none is refused", arguments: ["", ".", "a.", ".a", "a..b", "*", "a.*"])
    func paths(_ path: String) {
        #expect(throws: SpanQueueError.self) { try Redaction([path]) }
    }

    @Test("deep and large texts are walked through once")
    func depth() throws {
        let text = String(repeating: #"{"a":["#, count: 250) + #"{"password":1}"# + String(repeating: "]}", count: 250)
        #expect(redaction.masked(text).contains(#"{"password":"‹masked›"}"#))
    }
}
