// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import Testing

@Suite("A strict reader of JSON")
struct StrictJSONTests {
    static let sound = [
        "{}", "[]", "null", "true", "false", "0", "-0", "\"\"", " [1, -2.5e+3, 0, 0.1E-2] ", "\t\r\n1\n", "1E5",
        "-1.0e-10",
        #"{"a":{"b":[true,false,null]},"":""}"#, #""\u00e9\n\"\\\/\b\f\r\t""#, "\"é\"", "\"\u{10FFFF}\"",
        #""\ud834\udd1e""#,
        #""\uD834\uDD1E""#, #""\u0000""#, "\"\u{7F}\"", "[[[[[]]]]]", #"{"a":1,"b":1}"#, #"{"a":{"x":1},"b":{"x":1}}"#,
        "[{\"x\":1},{\"x\":2}]", "123456789012345678901234567890", "1e999", "0.000000000000000000001", "\"\u{2028}\"",
        "\"\u{FEFF}\"", String(repeating: "[", count: 512) + String(repeating: "]", count: 512),
    ]

    @Test("takes what is JSON", arguments: sound)
    func takes(_ text: String) { #expect(StrictJSON.isValid(Array(text.utf8)), "\(text)") }

    /// Each with what the complaint must say.
    static let broken: [(String, String)] = [
        // Structure.
        ("", "the text ends instead of a value at byte 1"), (" ", "the text ends"), ("{", "the text ends"),
        ("[", "the text ends"), ("[1,]", "a comma before ] at byte 3"), ("[\"\",]", "a comma before ]"), ("[,]", "','"),
        ("[1,,2]", "','"), ("[,1]", "','"), ("{\"a\":1,}", "a comma before } at byte 7"), ("{,}", "','"),
        ("{\"a\"}", "'}' instead of a colon"), ("{\"a\",1}", "','"), ("{\"a\":}", "'}'"),
        ("{1:1}", "a name in double quotes"),
        ("{a:1}", "a name in double quotes"), ("{'a':1}", "a name in double quotes"),
        ("{\"a\":1 \"b\":2}", "a comma or }"),
        ("[1 2]", "a comma or ]"), ("[1}", "a comma or ]"), ("{\"a\":1]", "a comma or }"),
        ("1 2", "instead of the end"),
        ("[]]", "instead of the end"), ("{}x", "'x' instead of the end"), ("[1]#", "'#'"), ("{}//", "'/'"),
        ("/**/{}", "'/'"), ("]", "']'"), (",", "','"), (":", "':'"),
        // Words.
        ("tru", "'t' instead of a value"), ("nul", "'n'"), ("True", "'T'"), ("truex", "'x'"), ("NaN", "'N'"),
        ("Infinity", "'I'"), ("undefined", "'u'"), ("'a'", "'''"), ("nullnull", "'n' instead of the end"),
        // Numbers.
        ("01", "a number that begins with 0"), ("-01", "begins with 0"), ("00", "begins with 0"), ("1.", "a digit"),
        (".1", "'.'"), ("+1", "'+'"), ("-", "a digit"), ("--1", "a digit"), ("1e", "a digit"), ("1e+", "a digit"),
        ("1.e1", "a digit"), ("0x1", "'x'"), ("1_000", "'_'"), ("-Infinity", "a digit"), ("1.2.3", "'.'"),
        ("1\u{FF11}", "0x"),
        // Strings.
        ("\"a", "a string that does not end at byte 1"), ("\"a\\\"", "does not end"), ("\"\t\"", "a control character"),
        ("\"\n\"", "write it as \\u000a"), ("\"\u{1F}\"", "write it as \\u001f"), ("\"\u{0}\"", "UTF-16"),
        ("\"aaaa\u{0}\"", "write it as \\u0000"), (#""\x""#, "an escape that JSON does not have at byte 2"),
        (#""\u12g4""#, "four hexadecimal digits"), (#""\u12"#, "four hexadecimal digits"), (#""\'""#, "an escape"),
        (#""\U0041""#, "an escape"), (#""\ud800""#, "half of a surrogate pair at byte 2"), (#""\udc00""#, "half of"),
        (#""\ud800\u0041""#, "half of"), (#""\ud800\ud800""#, "half of"), (#""\udd1e\ud834""#, "half of"),
        (#""\ud800x""#, "half of"), (#""\ud83\udd1e""#, "hexadecimal"), (#"["\UA66D"]"#, "an escape"),
        // Names.
        (#"{"a":1,"a":2}"#, "a second member \"a\" at byte 8"), (#"{"a":1,"\u0061":2}"#, "a second member \"a\""),
        (#"{"\u00e9":1,"é":2}"#, "a second member"), (#"[{"b":{"c":1,"c":1}}]"#, "a second member \"c\""),
        (#"{"":1,"":2}"#, "a second member \"\""),
        // Other encodings and depths.
        ("\u{FEFF}{}", "a byte order mark"), (" \u{FEFF}{}", "0xef"), ("[\u{A0}1]", "0xc2"), ("\u{C}1", "0x0c"),
        (String(repeating: "[", count: 513) + String(repeating: "]", count: 513), "more than 512"),
        (String(repeating: "{\"a\":", count: 513), "more than 512"),
        (String(repeating: "[", count: 100_000), "more than 512"),
    ]

    @Test("refuses what is not, and says what and where", arguments: broken)
    func refuses(_ text: String, _ words: String) {
        let problem = #expect(throws: StrictJSON.Problem.self, "\(text.prefix(40))") {
            try StrictJSON.check(Array(text.utf8))
        }
        #expect(problem?.description.contains(words) == true, "\(text.prefix(40)): \(problem?.description ?? "")")
    }

    @Test(
        "refuses bytes that are not UTF-8",
        arguments: [
            [0x22, 0xFF, 0x22], [0x22, 0xC0, 0x80, 0x22], [0x22, 0xE0, 0x80, 0x80, 0x22],
            [0x22, 0xED, 0xA0, 0x80, 0x22],
            [0x22, 0xF4, 0x90, 0x80, 0x80, 0x22], [0x22, 0xC3, 0x22], [0x22, 0xE2, 0x82], [0x22, 0x80, 0x22], [0xFC],
            [0x22, 0xF0, 0x8F, 0xBF, 0xBF, 0x22], [0xFE, 0xFF, 0, 0x5B, 0, 0x5D], [0xFF, 0xFE, 0x5B, 0, 0x5D, 0],
            [0x5B, 0, 0x5D, 0], [0, 0x5B, 0, 0x5D], [0, 0, 0, 0x31], [0x31, 0, 0, 0],
        ] as [[UInt8]])
    func bytes(_ bytes: [UInt8]) { #expect(!StrictJSON.isValid(bytes)) }

    @Test("gives the members of an object, their values as they were written")
    func members() throws {
        let text =
            #" {"payload": {"n":1.10, "a":[1,{"payload":2}]} ,"t\u0079pe" :"\u0041\ud834\udd1eé\n", "tags":["a" , "\u0062"],"n":null} "#
        let members = try StrictJSON.members(of: Array(text.utf8))
        #expect(members.map(\.name) == ["payload", "type", "tags", "n"])
        #expect(members.map(\.kind) == [.object, .string, .array, .null])
        #expect(String(decoding: members[0].value, as: UTF8.self) == #"{"n":1.10, "a":[1,{"payload":2}]}"#)
        #expect(members[1].text == "A\u{1D11E}é\n" && members[0].text == nil)
        #expect(members[2].texts == ["a", "b"] && members[1].texts == nil)
        #expect(throws: StrictJSON.Problem.self) { try StrictJSON.members(of: Array("[1]".utf8)) }
        let mixed = try StrictJSON.members(of: Array(#"{"tags":["a",1]}"#.utf8))
        #expect(mixed[0].texts == nil)
    }
}
