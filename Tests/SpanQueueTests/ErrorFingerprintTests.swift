// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueTesting
import Testing

@testable import SpanQueue

@Suite("Fingerprints of errors")
struct ErrorFingerprintTests {
    @Test(
        "what differs from one error to the next is masked, and nothing else",
        arguments: [
            ("no route", "no route"), ("", ""), ("exit status 75", "exit status ‹n›"),
            ("503 from db after 1500 ms", "‹n› from db after ‹n› ms"), ("took 1.5s, not 7ms", "took ‹n›s, not ‹n›ms"),
            ("127.0.0.1:6379 at 12:30:01.125", "‹n› at ‹n›"), ("1,234,567 rows: 8", "‹n› rows: ‹n›"),
            ("item 3, item 4", "item ‹n›, item ‹n›"), ("v1.2.3", "v‹n›"), ("try2again", "try‹n›again"),
            ("job 0198c2a4-7f31-7c06-9a1e-3b5f1d2c4e6f is gone", "job ‹id› is gone"),
            ("0198c2a4-7f31-7c06-9a1e-3b5f1d2c4e6fx", "‹id›-‹n›f‹n›-‹n›c‹n›-‹n›a‹n›e-‹n›b‹n›f‹n›d‹n›c‹n›e‹n›fx"),
            ("commit 9fceb02d0ae5 and 0xdeadBEEF1", "commit ‹id› and ‹id›"), ("deadbeefdeadbeef", "‹id›"),
            ("a decade, a facade", "a decade, a facade"), ("no user \"ada\" in 'mail'", "no user ‹text› in ‹text›"),
            ("can't open 'x', won't try", "can't open ‹text›, won't try"), ("a \" alone", "a \" alone"),
            ("open /var/lib/x-1.db: no", "open ‹path›: no"), ("read and/or write", "read and/or write"),
            ("GET http://h.example/a?b=1 failed", "GET http:‹path› failed"), ("a\n\t  b", "a b"),
            ("größer als 7 Mäuse", "größer als ‹n› Mäuse"),
        ])
    func masks(_ text: String, _ masked: String) {
        #expect(ErrorFingerprint(jobType: "t", errorType: nil, error: text).masked == masked)
    }

    @Test("errors that are alike have the same, and others of another text, error type or job type have not")
    func values() {
        func value(_ job: String, _ type: String?, _ text: String) -> UInt64 {
            ErrorFingerprint(jobType: job, errorType: type, error: text).value
        }
        let first = value("a", "b", "no user 7")
        #expect(first == value("a", "b", "no user 8"))
        #expect(
            Set([
                first, value("a", "b", "no users 7"), value("a", "c", "no user 7"), value("b", "b", "no user 7"),
                value("a", nil, "bno user 7"),
            ]).count == 5)
        // It is stored: another version must find the same.
        #expect(ErrorFingerprint.text(first) == "2b41b489597a84c8")
    }

    @Test("errors that are alike for as long as a group's text stay alike however they go on")
    func long() {
        let start = (0..<100).map { "word \($0)" }.joined(separator: " ")
        let one = ErrorFingerprint(jobType: "t", errorType: "e", error: start + " one")
        let other = ErrorFingerprint(
            jobType: "t", errorType: "e", error: start + String(repeating: " other", count: 500))
        #expect(one == other && one.masked.utf8.count <= Limits.maskedErrorBytes)
    }

    @Test("it is written as sixteen digits, and nothing else is read")
    func text() {
        for value in [0, 171, UInt64.max] {
            #expect(ErrorFingerprint.parse(ErrorFingerprint.text(value)) == value)
        }
        #expect(ErrorFingerprint.text(171) == "00000000000000ab")
        #expect(ErrorFingerprint.parse("00000000000000AB") == 171)
        for text in ["", "ab", "+0000000000000ab", "00000000000000xy", "00000000000000abc"] {
            #expect(ErrorFingerprint.parse(text) == nil)
        }
    }

    @Test("a tally counts by fingerprint, takes a hundred groups, and takes back what could not be told")
    func tally() {
        let now = Timestamp(milliseconds: 1_800_000_000_000)
        func settlement(_ text: String?) -> Settlement {
            var message = JobMessage.unreadable(id: "job", queue: "q")
            message.enqueuedAt = now
            let reference = ClaimReference(
                id: "job", queue: "q", token: FencingToken(value: 5, nonce: 1), worker: "w")
            let job = ClaimedJob(message: message, run: RunRecord(), reference: reference, claimedAt: now)
            let value = text.map { ErrorFingerprint(jobType: "unreadable", errorType: "e", error: $0).value }
            return Settlement(
                job, .retry(after: .zero), AttemptReport(errorType: "e", error: text, fingerprint: value))
        }
        var tally = ErrorTally()
        tally.add(settlement(nil))
        #expect(tally.isEmpty)
        for text in ["no 1", "no 2", "yes"] { tally.add(settlement(text)) }
        let taken = tally.take()
        #expect(tally.isEmpty)
        #expect(Set(taken.map { "\($0.masked) \($0.count)" }) == ["no ‹n› 2", "yes 1"])
        tally.add(settlement("no 3"))
        tally.add(taken)
        #expect(Set(tally.take().map { "\($0.masked) \($0.count)" }) == ["no ‹n› 3", "yes 1"])
        for word in 0..<150 { tally.add(settlement(String(repeating: "x", count: word + 1))) }
        #expect(tally.take().count == ErrorTally.mostGroups)
    }
}
