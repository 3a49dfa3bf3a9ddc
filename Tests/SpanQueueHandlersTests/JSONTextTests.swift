import Testing

@testable import SpanQueueHandlers

@Suite("A payload")
struct JSONTextTests {
    @Test(
        "is JSON",
        arguments: [
            "{}", "[]", " [1, -2.5e+3, 0, 0.1E-2] ", #"{"a":{"b":[true,false,null]},"":""}"#, #""\u00e9\n\"""#, "0",
            "\"é\"",
            String(repeating: "[", count: 512) + String(repeating: "]", count: 512),
        ])
    func json(_ text: String) { #expect(JSONText.isValid(Array(text.utf8))) }

    @Test(
        "is not JSON",
        arguments: [
            "", " ", "{", "[1,]", "{\"a\"}", "{\"a\":1,}", "01", "1.", "+1", "-", "tru", "nul", "\"a", "\"\u{1}\"",
            "\"\\x\"",
            "\"\\u12g4\"", "1 2", "'a'", "{a:1}", "NaN",
            String(repeating: "[", count: 513) + String(repeating: "]", count: 513),
        ])
    func notJSON(_ text: String) { #expect(!JSONText.isValid(Array(text.utf8))) }

    @Test("is not JSON with bytes that are no UTF-8")
    func bytes() { #expect(!JSONText.isValid([0x22, 0xFF, 0x22])) }
}
