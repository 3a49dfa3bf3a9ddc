// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Logging
import SpanQueue
import SpanQueueCommand
import SpanQueueHandlers
import Testing

@testable import spanq

@Suite("Settings")
struct SettingsTests {
    private func reader(
        _ flags: [Setting: [String]] = [:], _ environment: [String: String] = [:], file: String? = nil
    ) throws -> SettingsReader {
        let file = try file.map { text throws(CommandFailure) in try ConfigurationFile(path: "spanq.yaml", text: text) }
        return SettingsReader(SettingLayers(flags: flags, environment: environment, file: file))
    }

    private func worker(
        _ flags: [Setting: [String]] = [:], _ environment: [String: String] = [:], file: String? = nil
    ) throws -> (settings: WorkerSettings, entries: [String: SettingEntry]) {
        var reader = try reader(flags, environment, file: file)
        var connection = try ConnectionSettings(&reader, logLevel: .info)
        let settings = try WorkerSettings(&reader, &connection)
        return (settings, Dictionary(uniqueKeysWithValues: reader.entries.map { ($0.key, $0) }))
    }

    private func complaint(
        _ flags: [Setting: [String]] = [:], _ environment: [String: String] = [:], file: String? = nil
    ) -> String {
        do {
            _ = try worker(flags, environment, file: file)
            return "none"
        } catch {
            return "\(error)"
        }
    }

    @Test("a flag goes before the environment, that before the file, that before the default")
    func precedence() throws {
        let file = "concurrency: 3\nlease: 3s\nmax-reclaims: 7"
        let environment = ["SPANQ_CONCURRENCY": "2", "SPANQ_LEASE": "2s"]
        let (settings, entries) = try worker([.concurrency: ["1"]], environment, file: file)
        #expect(settings.worker.concurrency == 1)
        #expect(settings.worker.lease == .seconds(2))
        #expect(settings.worker.maxReclaims == 7)
        #expect(settings.worker.drainTimeout == .seconds(25))
        #expect(entries["concurrency"]?.source == "--concurrency")
        #expect(entries["lease"]?.source == "SPANQ_LEASE")
        #expect(entries["max-reclaims"]?.source == "max-reclaims in spanq.yaml")
        #expect(entries["drain-timeout"]?.source == "default")
    }

    @Test("the bound of slow attempts and the template of links are settings like the others")
    func telemetrySettings() throws {
        var file = try reader(file: "slow-attempt: 5s\ntrace-url: http://h/{trace_id}?token=canary")
        #expect(try file.duration(.slowAttempt, default: nil) == .seconds(5))
        #expect(try file.traceURL() == "http://h/{trace_id}?token=canary")
        #expect(file.entries.map(\.source) == ["slow-attempt in spanq.yaml", "trace-url in spanq.yaml"])
        #expect(file.entries.map(\.value) == ["5s", "http://h/{trace_id}?token=***"])
        var nearer = try reader([.slowAttempt: ["1s"]], ["SPANQ_SLOW_ATTEMPT": "2s"], file: "slow-attempt: 5s")
        #expect(try nearer.duration(.slowAttempt, default: nil) == .seconds(1))
        var unset = try reader()
        #expect(try unset.duration(.slowAttempt, default: nil) == nil)
        #expect(try unset.traceURL() == nil)
        #expect(unset.entries.map(\.value) == ["none", "none"])

        var bad = try reader([:], ["SPANQ_TRACE_URL": "http://h/", "SPANQ_SLOW_ATTEMPT": "5000"])
        #expect(throws: CommandFailure.self) { try bad.duration(.slowAttempt, default: nil) }
        let failure = #expect(throws: CommandFailure.self) { try bad.traceURL() }
        #expect(failure?.code == .usage)
        #expect(
            failure?.message
                == "SPANQ_TRACE_URL: it has no {trace_id}: write it as http://localhost:16686/trace/{trace_id}")
    }

    @Test("an empty variable counts as unset")
    func emptyVariable() throws {
        #expect(try worker([:], ["SPANQ_CONCURRENCY": ""], file: "concurrency: 3").settings.worker.concurrency == 3)
    }

    @Test("a bad value is told with its source")
    func badValues() {
        #expect(
            complaint([.lease: ["30"]]) == "--lease: \"30\" is not a duration: write it as 500ms, 2s, 10m or 1h")
        #expect(complaint([:], ["SPANQ_LEASE": "1ms"]) == "SPANQ_LEASE: lease 1ms: use 100ms to 1h")
        #expect(
            complaint(file: "concurrency: many")
                == "concurrency in spanq.yaml: \"many\" is not a whole number: write it as 20")
        #expect(
            complaint([.exec: ["./send.py"]])
                == "--exec: \"./send.py\" has no pattern or nothing behind it: write 'email:*=./send.py'")
        #expect(complaint([:], ["SPANQ_LOG_LEVEL": "loud"]).hasPrefix("SPANQ_LOG_LEVEL: \"loud\" is not a log level"))
        #expect(complaint(file: "a: [").hasPrefix("the configuration file spanq.yaml is not a YAML or JSON mapping"))
    }

    @Test("a file in JSON reads like one in YAML")
    func json() throws {
        let file = #"{"concurrency": 4, "queues": "a:2,b", "exec": ["x:*=cat", "y=./y --flag=1"]}"#
        let settings = try worker(file: file).settings
        #expect(settings.worker.concurrency == 4)
        #expect(settings.worker.queues == ["a": 2, "b": 1])
        #expect(settings.exec.map(\.pattern) == ["x:*", "y"])
        #expect(settings.exec.map(\.target) == ["cat", "./y --flag=1"])
    }

    @Test("queues may be a mapping in the file")
    func queuesMapping() throws {
        let queues = try worker(file: "queues:\n  critical: 6\n  mail.out: 3").settings.worker.queues
        #expect(queues == ["critical": 6, "mail.out": 3])
    }

    @Test("keys without a meaning are named")
    func unknownKeys() throws {
        let file = try ConfigurationFile(path: "f", text: "concurency: 3\nredis:\n  url: x\nlease: 3s")
        #expect(file.unknownKeys == ["concurency", "redis.url"])
    }

    @Test("the nearer of queues and strict-queues wins, and two of one source exclude each other")
    func strictQueues() throws {
        let (settings, _) = try worker([.strictQueues: ["a,b"]], ["SPANQ_QUEUES": "c:1"])
        #expect(settings.worker.strictQueues == ["a", "b"])
        #expect(
            complaint([.strictQueues: ["a"], .queues: ["b"]])
                == "--queues and --strict-queues exclude each other: give one of them")
    }

    @Test("a variable holds one handler a line")
    func handlersInVariable() throws {
        let settings = try worker([:], ["SPANQ_EXEC": "a=./a, b\nb:*=./b\n"]).settings
        #expect(settings.exec.map(\.target) == ["./a, b", "./b"])
    }

    @Test(
        "queues are read as people write them",
        arguments: [
            ("critical:6,default:3,low:1", "critical:6,default:3,low:1"), ("a", "a:1"), ("a, b:2", "a:1,b:2"),
        ])
    func queues(text: String, shown: String) throws {
        #expect(QueuesText.format(try QueuesText.weighted([text])) == shown)
    }

    @Test("queues that make no sense are refused", arguments: ["a:x", "a:1:2", "", "a,a", "a:0", "a b!", ":3"])
    func badQueues(text: String) {
        #expect(throws: SettingProblem.self) { try QueuesText.weighted([text]) }
    }

    @Test("print-config masks the passwords of Redis and of deliveries, and the values of queries")
    func masked() throws {
        let flags: [Setting: [String]] = [
            .redisURL: ["redis://u:canary@h:1"], .http: ["x=http://u:canary@h/p?token=canary&b=canary"],
        ]
        let (_, entries) = try worker(flags)
        #expect(entries["redis-url"]?.value == "redis://u:***@h:1/0")
        #expect(entries["http"]?.value == "x=http://u:***@h/p?token=***&b=***")
    }

    @Test("headers and signing keys belong to the --http of their pattern, and are shown by where they come from")
    func deliveries() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "spanq-keys-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "hook")
        try Data("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n".utf8).write(to: file)
        let (settings, entries) = try worker([
            .http: ["hook:*=http://h/a", "mail=http://h/b"],
            .httpHeader: ["hook:*=X-Key: canary=1:2", "mail=X-Home: env:HOME", "hook:*=Accept: */*"],
            .httpSigningKey: ["hook:*=file:\(file.path)"],
        ])
        let hook = settings.route(of: settings.http[0])
        #expect(hook.headers.map(\.name) == ["X-Key", "Accept"])
        #expect(hook.headers[0].value == "canary=1:2" && hook.signingKeys.count == 1)
        let mail = settings.route(of: settings.http[1])
        #expect(mail.headers.map(\.value) == [ProcessInfo.processInfo.environment["HOME"]])
        #expect(mail.signingKeys.isEmpty)
        #expect(entries["http-header"]?.value == "hook:*=X-Key: ***, mail=X-Home: env:HOME, hook:*=Accept: ***")
        #expect(entries["http-signing-key"]?.value == "hook:*=file:\(file.path)")
        let fromFile = try worker(file: "http: ['a=http://h/']\nhttp-header: ['a=X: y']")
        #expect(fromFile.settings.route(of: fromFile.settings.http[0]).headers.map(\.value) == ["y"])
    }

    @Test(
        "a header or key that can't be used is told without its value",
        arguments: [
            (Setting.httpHeader, "canary"), (.httpHeader, "hook:*=canary"), (.httpHeader, "other=X: canary"),
            (.httpHeader, "hook:*=Host: canary"), (.httpHeader, "hook:*=X: env:SPANQ_NOT_SET"),
            (.httpHeader, "hook:*=X: file:/nonexistent"), (.httpHeader, "hook:*="), (.httpSigningKey, "hook:*=canary"),
            (.httpSigningKey, "hook:*=whsec_canary"), (.httpSigningKey, "hook:*=file:/dev/null"),
            (.httpSigningKey, "hook:*=file:/dev/zero"), (.httpSigningKey, "hook:*=file:/etc"),
        ])
    func badDeliveries(_ setting: Setting, _ text: String) throws {
        let failure = #expect(throws: CommandFailure.self) {
            _ = try worker([.http: ["hook:*=http://h/"], setting: [text]])
        }
        let shown = "\(try #require(failure))"
        #expect(shown.contains(setting.flag) && !shown.contains("canary"), "\(shown)")
    }
}
