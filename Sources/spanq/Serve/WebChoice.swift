// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import ArgumentParser
import Logging
import SpanQueue
import SpanQueueAdmin
import SpanQueueCommand
import SpanQueueServer
import SpanQueueWeb

/// Where the pages and the REST interface are served, and who may come.
struct WebChoice {
    var listen: ListenChoice
    let access: WebAccess

    /// A server that listens; one that does nothing where the default address is taken and no other is to be had.
    ///
    /// - Throws: a failure where the address was asked for and can't be had.
    func start(_ queue: JobQueue, logger: Logger) throws -> WebServer {
        func started(_ address: ListenAddress) throws(SpanQueueError) -> WebServer {
            let server = try WebServer(address, admin: Admin(queue), access: access, logger: logger)
            try server.start()
            return server
        }
        do throws(SpanQueueError) {
            return try started(listen.address)
        } catch {
            let exit = CommandExit(error.code)
            let failure = CommandFailure(code: exit == .unreachable ? .addressTaken : exit, message: error.message)
            guard !listen.isGiven, let host = listen.address.tcp?.host else { throw failure }
            if listen.whenTaken == .takeAnother {
                do throws(SpanQueueError) { return try started(.tcp(host: host, port: 0)) } catch { throw failure }
            }
            logger.warning("not serving the REST interface: \(error.message)")
            return try WebServer(.off, admin: Admin(queue), logger: logger)
        }
    }
}

extension SettingsReader {
    /// Reads where the pages and the REST interface are served, and who may come.
    ///
    /// - Throws: a failure for an address that can be reached from outside by whoever likes, before anything is connected.
    mutating func web() throws -> WebChoice {
        var access = WebAccess()
        access.users = try text(.webUsers)
        access.hosts = try texts(.webHost, default: []) { $0 }
        access.userHeader = try text(.webUserHeader)
        access.groupsHeader = try text(.webGroupsHeader)
        access.proxies = try texts(.webTrustedProxy, default: AddressRanges(), AddressRanges.init)
        access.frameAncestors = try texts(.webFrameAncestors, default: FrameAncestors(), FrameAncestors.init)
        access.isReadOnly = try flag(.webReadOnly)
        access.redaction = try texts(.redact, default: Redaction(), Redaction.init)
        access.links.trace = try link(.webTraceURL, place: "trace_id")
        access.links.queue = try link(.webQueueURL, place: "queue")
        let found = access
        let listen = try listen(.web, default: WebServer.standardAddress) { (address) throws(SpanQueueError) in
            try WebServer.check(address, found)
        }
        do throws(SpanQueueError) { try access.verify() } catch { throw CommandFailure.usage(error.message) }
        return WebChoice(listen: listen, access: access)
    }

    private mutating func link(_ setting: Setting, place: String) throws -> LinkTemplate? {
        try value(setting, default: nil, shown: { $0?.text ?? "none" }) { values throws(SettingProblem) in
            do throws(SpanQueueError) {
                return try LinkTemplate(values.joined(separator: ","), place: place)
            } catch {
                throw SettingProblem(error.message)
            }
        }
    }

    private mutating func texts<Value>(
        _ setting: Setting, default standard: Value, _ make: ([String]) throws(SpanQueueError) -> Value
    ) throws -> Value {
        let texts = try layers.find(setting)?.values ?? []
        return try value(
            setting, default: standard, shown: { _ in texts.isEmpty ? "none" : texts.joined(separator: ",") }
        ) {
            values throws(SettingProblem) in
            do throws(SpanQueueError) { return try make(values) } catch { throw SettingProblem(error.message) }
        }
    }
}

/// The flags of the pages and the REST interface.
struct WebOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Where to serve the pages and the REST interface; 127.0.0.1:9465 unless given, 'none' to serve nothing. Addresses that others can reach need --web-users.",
            valueName: "host:port"))
    var web: String?

    @Flag(help: "Serve only what reads, and refuse every change.")
    var webReadOnly = false

    @Option(
        help: ArgumentHelp(
            "Who may do what in the pages and over REST: a file of lines 'name role queues sha256'; see spanq token make.",
            valueName: "file"))
    var webUsers: String?

    @Option(
        help: ArgumentHelp(
            "A name under which the pages are reached, beside those of this machine. Repeatable.", valueName: "name"))
    var webHost: [String] = []

    @Option(help: ArgumentHelp("The header in which a proxy says who asks.", valueName: "header"))
    var webUserHeader: String?

    @Option(help: ArgumentHelp("The header in which a proxy says of which groups they are.", valueName: "header"))
    var webGroupsHeader: String?

    @Option(
        help: ArgumentHelp(
            "The address of a proxy whose headers are believed, or a range: 10.0.0.0/8. Repeatable.",
            valueName: "address"))
    var webTrustedProxy: [String] = []

    @Option(
        help: ArgumentHelp(
            "A site whose pages may show ours in a frame: self, https://portal.example or https://*.example. Repeatable.",
            valueName: "site"))
    var webFrameAncestors: [String] = []

    @Option(
        help: ArgumentHelp(
            "Mask these members of payloads, results and errors in the pages and over REST: password, *.token, card.number.",
            valueName: "paths"))
    var redact: String?

    @Option(
        help: ArgumentHelp(
            "Where a job's page leads to its trace: https://tempo.example/trace/{trace_id}.", valueName: "url"))
    var webTraceUrl: String?

    @Option(
        help: ArgumentHelp(
            "Where a queue's page leads to its dashboard: https://grafana.example/d/spanq-queue?var-queue={queue}.",
            valueName: "url"))
    var webQueueUrl: String?

    var flags: [Setting: String?] {
        [
            .webTraceURL: webTraceUrl, .webQueueURL: webQueueUrl,
            .web: web, .webReadOnly: webReadOnly ? "true" : nil, .webUsers: webUsers, .webUserHeader: webUserHeader,
            .webGroupsHeader: webGroupsHeader,
        ]
    }

    var lists: [Setting: [String]] {
        [
            .webHost: webHost, .webTrustedProxy: webTrustedProxy, .webFrameAncestors: webFrameAncestors,
            .redact: redact.map { $0.split(separator: ",").map(String.init) } ?? [],
        ]
    }
}
