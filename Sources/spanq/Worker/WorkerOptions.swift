// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import ArgumentParser
import SpanQueueCommand

/// The options of `worker` and `dev`. They are texts, because the environment and the file give texts too, and one place
/// reads them all: `WorkerSettings`.
struct WorkerOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Run this program for each job of this type: 'email:*=./send.py'. Repeatable.", valueName: "pattern=command"
        ))
    var exec: [String] = []

    @Option(
        help: ArgumentHelp(
            "Post each job of this type to this URL: 'hook:*=http://host/path'. Repeatable.", valueName: "pattern=url"))
    var http: [String] = []

    @Option(
        help: ArgumentHelp(
            "Where to serve /metrics, /livez, /readyz and /stats; 127.0.0.1:9464 unless given, 'none' to serve nothing.",
            valueName: "host:port"))
    var listen: String?

    @Option(
        help: ArgumentHelp(
            "Export an attempt that runs longer, even if its trace is not sampled; none unless given.",
            valueName: "duration"))
    var slowAttempt: String?

    @Option(
        help: ArgumentHelp(
            "How an attempt relates to its enqueue in traces: auto, parent or link; auto unless given.",
            valueName: "mode"))
    var attemptParent: String?

    @Option(help: ArgumentHelp("How many jobs run at once at most; 10 unless given.", valueName: "count"))
    var concurrency: String?

    @Option(
        name: [.customLong("queues"), .customLong("queue")],
        help: ArgumentHelp("Queues with their shares: critical:6,default:3,low:1.", valueName: "queues"))
    var queues: String?

    @Option(help: ArgumentHelp("Queues, each served while all before it are empty: a,b.", valueName: "queues"))
    var strictQueues: String?

    @Option(help: ArgumentHelp("How long a claim holds without a heartbeat; 30s unless given.", valueName: "duration"))
    var lease: String?

    @Option(help: ArgumentHelp("How long a stop waits for running jobs; 25s unless given.", valueName: "duration"))
    var drainTimeout: String?

    @Option(
        help: ArgumentHelp("How long a cancelled handler may go on; 5s unless given.", valueName: "duration"))
    var cancellationGrace: String?

    @Option(help: ArgumentHelp("Bury a job once its worker has died this often; 3 unless given.", valueName: "count"))
    var maxReclaims: String?

    @Option(help: ArgumentHelp("How long a job without a handler waits; 1m unless given.", valueName: "duration"))
    var unknownTypeDelay: String?

    @Option(help: ArgumentHelp("How often it waits before it is buried; 20 unless given.", valueName: "count"))
    var unknownTypeRetries: String?

    @Option(help: ArgumentHelp("How long finished jobs are kept; 1h unless given.", valueName: "duration"))
    var retention: String?

    @Option(help: ArgumentHelp("How many finished jobs a queue keeps; 10000 unless given.", valueName: "count"))
    var retentionCount: String?

    @Option(help: ArgumentHelp("How long dead letters are kept; forever unless given.", valueName: "duration"))
    var deadRetention: String?

    @Option(
        help: ArgumentHelp("How long a program may run where its job does not say; no bound.", valueName: "duration"))
    var execTimeout: String?

    @Option(help: ArgumentHelp("How long a program has between SIGTERM and SIGKILL.", valueName: "duration"))
    var execKillGrace: String?

    @Option(
        help: ArgumentHelp("An environment variable that programs get too. Repeatable.", valueName: "name"))
    var execPassEnv: [String] = []

    @Option(
        help: ArgumentHelp(
            "A header for the deliveries of one --http: 'hook:*=X-Api-Key: env:HOOK_KEY'. Repeatable. A value is a text, "
                + "env:NAME or file:PATH.", valueName: "pattern=name: value"))
    var httpHeader: [String] = []

    @Option(
        help: ArgumentHelp(
            "Sign the deliveries of one --http by Standard Webhooks: 'hook:*=file:/run/secrets/hook'. Repeatable: "
                + "one signature for each key.", valueName: "pattern=key"))
    var httpSigningKey: [String] = []

    @Option(help: ArgumentHelp("How long a delivery may take.", valueName: "duration"))
    var httpTimeout: String?

    @Option(help: ArgumentHelp("A host that deliveries may go to. Repeatable.", valueName: "host"))
    var httpAllowHost: [String] = []

    @Flag(help: "Let deliveries go through the proxy that http_proxy, https_proxy or all_proxy names.")
    var httpUseProxy = false

    var flags: [Setting: String?] {
        [
            .listen: listen, .slowAttempt: slowAttempt, .attemptParent: attemptParent, .concurrency: concurrency,
            .queues: queues,
            .strictQueues: strictQueues, .lease: lease,
            .drainTimeout: drainTimeout, .cancellationGrace: cancellationGrace, .maxReclaims: maxReclaims,
            .unknownTypeDelay: unknownTypeDelay, .unknownTypeRetries: unknownTypeRetries, .retention: retention,
            .retentionCount: retentionCount, .deadRetention: deadRetention, .execTimeout: execTimeout,
            .execKillGrace: execKillGrace, .httpTimeout: httpTimeout,
            .httpUseProxy: httpUseProxy ? "true" : nil,
        ]
    }

    var lists: [Setting: [String]] {
        [
            .exec: exec, .http: http, .httpHeader: httpHeader, .httpSigningKey: httpSigningKey,
            .execPassEnvironment: execPassEnv, .httpAllowHost: httpAllowHost,
        ]
    }
}
