// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import ArgumentParser
import Logging
import SpanQueue
import SpanQueueAdmin
import SpanQueueCommand
import SpanQueueGateway

/// Who may come, and by which certificates.
struct EdgeSettings {
    private let users: String?
    private let userList: UserList?
    private let tls: GatewayTLS?
    private let allowsPlaintext: Bool
    private let allowsAnyone: Bool
    private let redaction: Redaction
    /// Nil for no bound.
    let connectionAge: Duration?

    /// - Throws: a usage error that names the source of what can't be used.
    init(_ reader: inout SettingsReader) throws {
        users = try reader.text(.gatewayUsers)
        // The lines themselves, for a place without files: as a variable from a secret.
        userList = try reader.value(.gatewayUserList, default: nil, shown: { $0 == nil ? "none" : "***" }) {
            values throws(SettingProblem) -> UserList? in
            try SettingProblem.wrap { try UserList(values.joined(separator: ",")) }
        }
        if users != nil, userList != nil, let file = try reader.layers.find(.gatewayUsers)?.source,
            let list = try reader.layers.find(.gatewayUserList)?.source
        {
            throw CommandFailure.usage(
                "\(file.description) and \(list.description) exclude each other: give one of them")
        }
        tls = try GatewayTLS(
            certificate: reader.text(.gatewayTLSCertificate), key: reader.text(.gatewayTLSKey),
            clientAuthorities: reader.text(.gatewayTLSClientAuthorities))
        allowsPlaintext = try reader.flag(.gatewayAllowPlaintext)
        allowsAnyone = try reader.flag(.gatewayAllowAnyone)
        connectionAge = try Self.age(&reader)
        let masked = try reader.layers.find(.gatewayRedact)?.values.joined(separator: ",") ?? "none"
        redaction = try reader.value(.gatewayRedact, default: Redaction(), shown: { _ in masked }) {
            values throws(SettingProblem) in
            try SettingProblem.wrap { try Redaction(values) }
        }
    }

    private static func age(_ reader: inout SettingsReader) throws -> Duration? {
        let standard = Duration.seconds(1800)
        let age = try reader.duration(.gatewayConnectionAge, default: standard) ?? standard
        if age == .zero { return nil }
        guard try reader.layers.find(.gatewayConnectionAge) == nil else { return age }
        // Not all gateways of a roll-out send their clients away at once.
        return age * Double.random(in: 0.9...1.1)
    }

    /// - Throws: `.invalidArgument` for a file of users that can't be used.
    func edges(logger: Logger) throws -> GatewayEdges {
        var edges = GatewayEdges()
        if let users { edges.access = GatewayAccess(try UserFile(path: users, logger: logger)) }
        if let userList { edges.access = GatewayAccess { userList } }
        edges.tls = tls
        edges.exposure.allowsPlaintext = allowsPlaintext
        edges.exposure.allowsAnyone = allowsAnyone
        edges.redaction = redaction
        return edges
    }
}

/// Their flags.
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

    var flags: [Setting: String?] {
        [
            .gatewayUsers: users, .gatewayTLSCertificate: tlsCert, .gatewayTLSKey: tlsKey,
            .gatewayTLSClientAuthorities: tlsClientCa, .gatewayAllowPlaintext: allowPlaintext ? "true" : nil,
            .gatewayAllowAnyone: allowAnyone ? "true" : nil, .gatewayConnectionAge: connectionAge,
        ]
    }
}
