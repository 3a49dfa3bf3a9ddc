// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import ArgumentParser
import Foundation
import SpanQueueCommand

/// `spanq gateway`: the program `spanq-gateway`, which is a product of its own.
struct GatewayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gateway",
        abstract: "Serve producers and workers of any language by gRPC.",
        discussion: """
            Starts spanq-gateway, which stands beside spanq or in PATH, with all that follows: see spanq gateway --help.
            """)

    private static let program = "spanq-gateway"

    @Argument(parsing: .captureForPassthrough) var arguments: [String] = []

    /// Becomes that program where this is the command, before anything else looks at what follows it: its flags are its own.
    static func runIfAsked(_ arguments: [String] = CommandLine.arguments) throws {
        guard arguments.dropFirst().first == "gateway" else { return }
        try become(Array(arguments.dropFirst(2)))
    }

    func run() throws {
        try Self.become(arguments)
    }

    private static func become(_ arguments: [String]) throws(CommandFailure) {
        let beside = Bundle.main.executableURL?.resolvingSymlinksInPath().deletingLastPathComponent()
            .appendingPathComponent(program).path
        // `execvp` looks in PATH where there is no slash.
        for place in [beside, program].compactMap(\.self) {
            var list: [UnsafeMutablePointer<CChar>?] = ([place] + arguments).map { strdup($0) } + [nil]
            defer { for text in list { free(text) } }
            execvp(place, &list)
            guard errno == ENOENT || errno == ENOTDIR else {
                throw .failed("can't start \(place): \(String(cString: strerror(errno)))")
            }
        }
        throw .failed(
            "\(program) is neither beside spanq nor in PATH: build it (SPANQ_BUILD_GATEWAY=1 swift build --product \(program)), or install it"
        )
    }
}
