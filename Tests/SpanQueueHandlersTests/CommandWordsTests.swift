// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import Testing

@testable import SpanQueueHandlers

@Suite("A command")
struct CommandWordsTests {
    @Test(
        "is split as a shell quotes",
        arguments: [
            ("./send.py", ["./send.py"]),
            ("  a\tb \n c ", ["a", "b", "c"]),
            ("sh -c 'exit 75'", ["sh", "-c", "exit 75"]),
            (#"a "b c" d"#, ["a", "b c", "d"]),
            (#"a b\ c \'d"#, ["a", "b c", "'d"]),
            (#"a "x\"y\\z\$w\n""#, ["a", #"x"y\z$w\n"#]),
            (#"a 'x\y' '' """#, ["a", #"x\y"#, "", ""]),
            (#"pre"mid"'post'"#, ["premidpost"]),
            ("a $HOME *", ["a", "$HOME", "*"]),
            ("a '|' \"&\" \\;", ["a", "|", "&", ";"]),
            ("a 'e\u{301}' é\"\u{301}x\"", ["a", "e\u{301}", "é\u{301}x"]),
        ])
    func split(_ command: String, _ words: [String]) throws {
        #expect(try CommandWords.split(command) == words)
    }

    @Test(
        "that a shell would refuse, or act on, is refused",
        arguments: [
            ("", CommandWords.Problem.empty), ("  ", .empty), ("'' a", .empty), ("a 'b", .unbalanced("'")),
            (#"a "b"#, .unbalanced("\"")), (#"a "b\"#, .unbalanced("\"")), (#"a \"#, .danglingBackslash),
            ("a | b", .needsShell("|")), ("a; b", .needsShell(";")), ("a > b", .needsShell(">")),
            ("a `b`", .needsShell("`")), ("a\0b", .nul),
        ])
    func refused(_ command: String, _ problem: CommandWords.Problem) {
        #expect(throws: problem) { try CommandWords.split(command) }
    }

    @Test(
        "whose program can't be run is refused, in words",
        arguments: [
            ("no-such-program-anywhere", "there is no program no-such-program-anywhere in PATH"),
            ("/no/such/program", "there is no program /no/such/program"),
            ("/etc/passwd", "/etc/passwd may not be executed: try `chmod +x`"),
            ("/tmp", "/tmp is not a file"),
            ("sh 'x", "the command sh 'x can't be run: a ' is opened and not closed"),
        ])
    func programs(_ command: String, _ text: String) throws {
        let error = #expect(throws: SpanQueueError.self) { try ExecHandler(command: command) }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.hasPrefix(text) == true, "\(error?.message ?? "")")
    }

    @Test("finds its program in PATH")
    func found() throws {
        #expect(try Program(command: "sh -c true").path.hasSuffix("/sh"))
        #expect(try Program(command: "/bin/sh -c true").path == "/bin/sh")
    }
}
