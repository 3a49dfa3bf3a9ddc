// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import ArgumentParser
import Logging
import SpanQueue
import SpanQueueAdmin
import SpanQueueGateway

/// Who may come, and by which certificates.
struct EdgeFlags: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Who may come and do what: a file of lines 'name role queues sha256', as spanq token make prints them.",
            discussion: "Or SPANQ_GATEWAY_USERS. Without one, everybody who reaches the gateway may do everything.",
            valueName: "file"))
    var users: String?

    @Option(
        help: ArgumentHelp(
            "The gateway's certificate in PEM.", discussion: "Or SPANQ_GATEWAY_TLS_CERT.", valueName: "file"))
    var tlsCert: String?

    @Option(help: ArgumentHelp("Its key in PEM.", discussion: "Or SPANQ_GATEWAY_TLS_KEY.", valueName: "file"))
    var tlsKey: String?

    @Option(
        help: ArgumentHelp(
            "Whose certificates clients must have, in PEM; their common name is looked up among the users where no token is sent.",
            discussion: "Or SPANQ_GATEWAY_TLS_CLIENT_CA.", valueName: "file"))
    var tlsClientCa: String?

    @Flag(
        help: ArgumentHelp(
            "Serve another address than this machine's without TLS: it ends before it, or the network is trusted.",
            discussion: "Or SPANQ_GATEWAY_ALLOW_PLAINTEXT=1."))
    var allowPlaintext = false

    @Flag(
        help: ArgumentHelp(
            "Serve another address than this machine's without users: everybody who reaches it may do everything.",
            discussion: "Or SPANQ_GATEWAY_ALLOW_ANYONE=1."))
    var allowAnyone = false

    @Option(
        help: ArgumentHelp(
            "After how long a client is told to connect anew, so that clients spread over gateways; 30m give or take a tenth unless given, 0s for never.",
            discussion: "Or SPANQ_GATEWAY_CONNECTION_AGE.", valueName: "duration"))
    var connectionAge: String?

    @Option(
        help: ArgumentHelp(
            "What Admin masks in payloads, results and texts: password, card.number, *.token. May be repeated.",
            discussion: "Or SPANQ_GATEWAY_REDACT, parted by commas.", valueName: "path"))
    var redact: [String] = []

    /// - Parameter variable: a variable that is set and not empty.
    /// - Throws: `.invalidArgument`, `StartFailure`.
    func edges(_ variable: (_ name: String) -> String?, logger: Logger) throws -> GatewayEdges {
        var edges = GatewayEdges()
        // The lines themselves, where there are no files: as a variable from a secret.
        let lines = variable("SPANQ_GATEWAY_USER_LIST")
        switch (users ?? variable("SPANQ_GATEWAY_USERS"), lines) {
        case (let path?, nil): edges.access = GatewayAccess(try UserFile(path: path, logger: logger))
        case (nil, let lines?):
            let list: UserList
            do throws(SpanQueueError) { list = try UserList(lines) } catch {
                throw StartFailure("SPANQ_GATEWAY_USER_LIST: \(error.message)")
            }
            edges.access = GatewayAccess { list }
        case (.some, .some):
            throw StartFailure("--users and SPANQ_GATEWAY_USER_LIST exclude each other: give one of them")
        case (nil, nil): break
        }
        edges.tls = try GatewayTLS(
            certificate: tlsCert ?? variable("SPANQ_GATEWAY_TLS_CERT"),
            key: tlsKey ?? variable("SPANQ_GATEWAY_TLS_KEY"),
            clientAuthorities: tlsClientCa ?? variable("SPANQ_GATEWAY_TLS_CLIENT_CA"))
        func isSet(_ name: String) -> Bool { ["1", "true", "yes"].contains(variable(name)?.lowercased()) }
        edges.exposure.allowsPlaintext = allowPlaintext || isSet("SPANQ_GATEWAY_ALLOW_PLAINTEXT")
        edges.exposure.allowsAnyone = allowAnyone || isSet("SPANQ_GATEWAY_ALLOW_ANYONE")
        let masked =
            redact.isEmpty
            ? variable("SPANQ_GATEWAY_REDACT")?.split(separator: ",").map(String.init) ?? [] : redact
        edges.redaction = try Redaction(masked)
        return edges
    }

    /// Nil for no bound.
    func age(_ variable: (_ name: String) -> String?) throws -> Duration? {
        guard let text = connectionAge ?? variable("SPANQ_GATEWAY_CONNECTION_AGE") else {
            // Not all gateways of a roll-out send their clients away at once.
            return Duration.seconds(1800) * Double.random(in: 0.9...1.1)
        }
        guard let age = DurationText.parse(text) else {
            throw StartFailure("--connection-age: \"\(text)\" is not a duration: write 30m, or 0s for no bound")
        }
        return age == .zero ? nil : age
    }
}
