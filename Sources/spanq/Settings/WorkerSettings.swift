// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueue
import SpanQueueCommand
import SpanQueueHandlers

/// What a worker needs beside a connection.
struct WorkerSettings {
    var worker = WorkerConfiguration()
    var exec: [HandlerRule] = []
    var execTimeout: Duration?
    var execConfiguration = ExecConfiguration()
    var http: [HandlerRule] = []
    var httpHeaders: [DeliveryRule<HTTPHeader>] = []
    var httpSigningKeys: [DeliveryRule<WebhookKey>] = []
    var httpConfiguration = HTTPDeliveryConfiguration()

    static let execExample = "email:*=./send.py"
    static let httpExample = "hook:*=http://127.0.0.1:9000/jobs"

    /// Reads them; what concerns the keeping of finished jobs goes to the connection.
    init(_ reader: inout SettingsReader, _ connection: inout ConnectionSettings) throws {
        try readWorker(&reader)
        try connection.readRetention(&reader)
        try readHandlers(&reader)
    }

    private mutating func readWorker(_ reader: inout SettingsReader) throws {
        worker.concurrency = try reader.integer(.concurrency, default: worker.concurrency) {
            try Self.check(\.concurrency, $0)
        }
        worker.selection = try readQueues(&reader)
        worker.lease = try bounded(&reader, .lease, \.lease)
        worker.drainTimeout = try bounded(&reader, .drainTimeout, \.drainTimeout)
        worker.cancellationGrace = try bounded(&reader, .cancellationGrace, \.cancellationGrace)
        worker.maxReclaims = try reader.integer(.maxReclaims, default: worker.maxReclaims) {
            try Self.check(\.maxReclaims, $0)
        }
        worker.unknownTypeDelay = try bounded(&reader, .unknownTypeDelay, \.unknownTypeDelay)
        worker.unknownTypeRetries = try reader.integer(.unknownTypeRetries, default: worker.unknownTypeRetries) {
            try Self.check(\.unknownTypeRetries, $0)
        }
    }

    /// `queues` and `strict-queues` exclude each other: the nearer source wins, and two of one source are an error.
    private func readQueues(_ reader: inout SettingsReader) throws -> QueueSelection {
        let weighted = try reader.layers.find(.queues)
        let strict = try reader.layers.find(.strictQueues)
        if let weighted, let strict, weighted.source.rank == strict.source.rank {
            throw CommandFailure.usage(
                "\(weighted.source.description) and \(strict.source.description) exclude each other: give one of them")
        }
        if let strict, strict.source.rank < weighted?.source.rank ?? .max {
            return try reader.value(
                .strictQueues, default: worker.selection, shown: QueuesText.format, parse: QueuesText.strict)
        }
        return try reader.value(
            .queues, default: worker.selection, shown: QueuesText.format, parse: QueuesText.weighted)
    }

    private mutating func readHandlers(_ reader: inout SettingsReader) throws {
        exec = try rules(&reader, .exec, example: Self.execExample) { $0 }
        execTimeout = try reader.duration(.execTimeout, default: nil)
        execConfiguration.killGrace =
            try reader.duration(.execKillGrace, default: execConfiguration.killGrace) ?? execConfiguration.killGrace
        execConfiguration.passedEnvironment += try words(&reader, .execPassEnvironment, default: [])
        let http = try rules(&reader, .http, example: Self.httpExample, shown: Masking.url)
        self.http = http
        httpHeaders = try deliveries(&reader, .httpHeader) { (text) throws(SettingProblem) in
            try DeliveryRule(header: text, of: http)
        }
        httpSigningKeys = try deliveries(&reader, .httpSigningKey) { (text) throws(SettingProblem) in
            try DeliveryRule(key: text, of: http)
        }
        httpConfiguration.timeout =
            try reader.duration(.httpTimeout, default: httpConfiguration.timeout) ?? httpConfiguration.timeout
        httpConfiguration.allowedHosts = try words(&reader, .httpAllowHost, default: httpConfiguration.allowedHosts)
        httpConfiguration.usesProxy = try reader.flag(.httpUseProxy)
    }

    private func rules(
        _ reader: inout SettingsReader, _ setting: Setting, example: String, shown: (String) -> String
    ) throws -> [HandlerRule] {
        try reader.value(
            setting, default: [],
            shown: { rules in
                rules.isEmpty ? "none" : rules.map { "\($0.pattern)=\(shown($0.target))" }.joined(separator: ", ")
            },
            parse: { (values) throws(SettingProblem) in
                try values.map { (value) throws(SettingProblem) in try HandlerRule(value, example: example) }
            })
    }

    private func deliveries<Value>(
        _ reader: inout SettingsReader, _ setting: Setting,
        rule: (String) throws(SettingProblem) -> DeliveryRule<Value>
    ) throws -> [DeliveryRule<Value>] {
        try reader.value(
            setting, default: [],
            shown: { $0.isEmpty ? "none" : $0.map(\.shown).joined(separator: ", ") },
            parse: { (values) throws(SettingProblem) in try values.map(rule) })
    }

    /// Where the jobs of an `--http` go, and what goes along.
    func route(of rule: HandlerRule) -> HTTPRoute {
        HTTPRoute(
            url: rule.target,
            headers: httpHeaders.filter { $0.pattern == rule.pattern }.map(\.value),
            signingKeys: httpSigningKeys.filter { $0.pattern == rule.pattern }.map(\.value))
    }

    private func words(_ reader: inout SettingsReader, _ setting: Setting, default standard: [String]) throws
        -> [String]
    {
        try reader.value(
            setting, default: standard, shown: { $0.isEmpty ? "none" : $0.joined(separator: ",") }
        ) { (values) throws(SettingProblem) in
            values.flatMap { $0.split(separator: ",").map(String.init) }
        }
    }

    private func bounded(
        _ reader: inout SettingsReader, _ setting: Setting, _ path: WritableKeyPath<WorkerConfiguration, Duration>
    ) throws -> Duration {
        let standard = worker[keyPath: path]
        return try reader.duration(setting, default: standard) { try Self.check(path, $0) } ?? standard
    }

    /// The library knows the bounds: it is asked about this one value, so that its complaint can be laid to the right source.
    private static func check<Value>(_ path: WritableKeyPath<WorkerConfiguration, Value>, _ value: Value) throws {
        var configuration = WorkerConfiguration()
        configuration[keyPath: path] = value
        try configuration.check()
    }
}

/// Queues as people write them: `critical:6,default:3,low:1`, or names alone.
enum QueuesText {
    /// Queues with weights; a name alone has weight 1.
    static func weighted(_ items: [String]) throws(SettingProblem) -> QueueSelection {
        var weights: [(queue: String, weight: Int)] = []
        for item in split(items) {
            let parts = item.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count <= 2, let name = parts.first, let weight = parts.count == 1 ? 1 : Int(parts[1]) else {
                throw SettingProblem("\"\(item)\" is not a queue with a weight: write critical:6,default:3,low:1")
            }
            weights.append((String(name), weight))
        }
        return try checked(.weighted(weights))
    }

    /// Queues of which each is served only while those before it are empty.
    static func strict(_ items: [String]) throws(SettingProblem) -> QueueSelection {
        let names = split(items)
        if let item = names.first(where: { $0.contains(":") }) {
            throw SettingProblem("\"\(item)\" has a weight, and strict order has none: write critical,default,low")
        }
        return try checked(.strict(names))
    }

    static func format(_ selection: QueueSelection) -> String {
        selection.lanes.map { selection.order == .strict ? $0.queue : "\($0.queue):\($0.weight)" }.joined(
            separator: ",")
    }

    private static func split(_ items: [String]) -> [String] {
        items.flatMap { $0.split(separator: ",") }.map { $0.trimmingCharacters(in: .whitespaces) }
    }

    private static func checked(_ selection: QueueSelection) throws(SettingProblem) -> QueueSelection {
        var configuration = WorkerConfiguration()
        configuration.selection = selection
        return try SettingProblem.wrap {
            try configuration.check()
            return selection
        }
    }
}
