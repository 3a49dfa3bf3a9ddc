// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Logging
import SpanQueue
import SpanQueueAdmin
import SpanQueueCommand
import SpanQueueServer

@testable import spanq

extension FuzzTarget {
    /// Those of the command line.
    static let command: [FuzzTarget] = [.moments, .batchLines, .configurationFiles, .listenAddresses, .handlerRules]

    /// RFC 3339. What was read is in the years that it can write, and reads back to the millisecond.
    static let moments = FuzzTarget(
        "moments",
        seeds: [
            "2026-11-21T09:30:00Z", "2026-11-21 09:30:00.125+01:00", "0000-01-01T00:00:00-23:59",
            "2024-02-29t23:59:60z",
            "9999-12-31T23:59:59.999999999Z",
        ]
    ) { input in
        guard let moment = RFC3339(String(decoding: input, as: UTF8.self))?.timestamp else { return }
        let isInYears = (-62_167_219_200_000...253_402_300_799_999).contains(moment.milliseconds)
        precondition(!isInYears || RFC3339(moment.description)?.timestamp == moment, "a moment does not read back")
    }

    /// Lines of a batch file.
    static let batchLines = FuzzTarget(
        "batch-lines",
        seeds: [
            #"{"type":"email:welcome","payload":{"user":42},"queue":"critical","delay":"5s","tags":["vip"]}"#,
            #"{"type":"a","payload_base64":"AAEC","at":"2026-11-21T09:30:00Z","max_retries":3,"id":"one"}"#,
            #"{"payload":"text\u0000\"","type":"b","deadline":"2m","unique":"until-started","priority":9}"#,
            #"{"type":"c","payload":[[{"payload":1}]],"retention":"none","timeout":"30s","unique_key":"k"}"#,
        ]
    ) { input in
        _ = try JobDraft(input).request()
    }

    /// Configuration files, and all settings in them.
    static let configurationFiles = FuzzTarget(
        "configuration-files",
        seeds: [
            "concurrency: 3\nlease: 30s\nqueues:\n  critical: 6\n  low: 1\nexec:\n  - 'a:*=./run -x'\n",
            #"{"redis-url":"redis://:secret@h/1","listen":":9464","http":["x=http://h/"],"max-reclaims":3}"#,
            "strict-queues: [a, b]\nretention: 1h\nretention-count: 10\nexec: 'x=y'\n# a comment\n--- \n&a *a",
        ]
    ) { input in
        let file = try ConfigurationFile(path: "spanq.yaml", text: String(decoding: input, as: UTF8.self))
        var reader = SettingsReader(SettingLayers(flags: [:], environment: [:], file: file))
        var connection = try ConnectionSettings(&reader, logLevel: .info)
        _ = try WorkerSettings(&reader, &connection)
        // Without the @ it is not a password: a mutation may have made a host of it.
        precondition(!"\(reader.entries)".contains("secret@"), "the settings show a password")
    }

    /// Where to listen. What is read reads back.
    static let listenAddresses = FuzzTarget(
        "listen-addresses", seeds: ["127.0.0.1:9464", ":0", "[::1]:80", "*:1", "none", "localhost:65535"]
    ) { input in
        let address = try ListenAddress(String(decoding: input, as: UTF8.self))
        let again = try ListenAddress(address.description)
        precondition(again == address, "an address does not read back")
    }

    /// `PATTERN=TARGET` of `--exec` and `--http`.
    static let handlerRules = FuzzTarget(
        "handler-rules", seeds: ["email:*=./send.py --fast 'a b'", "*=http://u:p@h/?x=y", "a=", "=b", "a b=c"]
    ) { input in
        let rule = try HandlerRule(String(decoding: input, as: UTF8.self), example: "a=b")
        precondition(rule.pattern.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F })
    }
}
