// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import GRPCProtobuf
import HeldProcess
import ServiceLifecycle
import SpanQueue
import SpanQueueProto
import SpanQueueTelemetry
import SwiftProtobuf
import Testing

@testable import SpanQueueGateway

@Suite("a gateway, on each engine")
struct GatewayTests {
    @Test(
        "jobs that were enqueued through it are handed out against credits and settled", arguments: EngineKind.allCases)
    func drainsAQueue(_ kind: EngineKind) async throws {
        try await Harness.with(kind) { harness in
            let count = 300
            let batch = Wire.EnqueueBatchRequest.with { batch in
                batch.jobs = (0..<count).map { number in
                    .with {
                        $0.queue = "q"
                        $0.type = "t"
                        $0.id = "job-\(number)"
                        $0.payload = Data("\(number)".utf8)
                    }
                }
            }
            let outcomes = try await harness.producer.enqueueBatch(batch).outcomes
            #expect(outcomes.map(\.reply.id) == (0..<count).map { "job-\($0)" })
            let call = try await WorkCall.open(harness.worker, credits: 100)
            var done = 0
            while done < count {
                try await eventually("more than \(done) jobs") { call.jobs.count > done }
                let fresh = Array(call.jobs[done...])
                done += fresh.count
                call.complete(fresh)
                call.say { $0.credit.add = UInt32(fresh.count) }
            }
            try await eventually("all confirmations") { call.settlements.count == count }
            #expect(call.settlements.allSatisfy { $0.outcome == .settled })
            #expect(call.jobs.map(\.number) == Array(1...UInt64(count)))
            #expect(Set(call.jobs.map(\.id)).count == count)
            let job = try #require(call.jobs.first)
            #expect(job.attempt == 1 && job.maxAttempts == 26 && job.token > 0 && job.priority == 0)
            let counts = try await harness.counts()
            #expect(counts[.completed] == count && counts[.ready] == 0 && counts[.active] == 0)
            let record = try await harness.producer.getJob(
                .with {
                    $0.id = "job-7"
                    $0.queue = "q"
                    $0.withPayload = true
                })
            #expect(
                record.state == .completed && record.payload == Data("7".utf8) && record.result == Data("done".utf8))
            call.say { $0.goodbye = .init() }
            #expect(try await call.end() == "")
        }
    }

    @Test("a stream without credit gets nothing, and nothing is claimed for it", arguments: EngineKind.allCases)
    func noCredit(_ kind: EngineKind) async throws {
        try await Harness.with(kind) { harness in
            let call = try await WorkCall.open(harness.worker)
            try await harness.enqueue(3)
            for number in 1...5 as ClosedRange<UInt64> {
                call.say { $0.heartbeat.number = number }
                _ = try await call.first { $0.hasHeartbeat && $0.heartbeat.number == number ? true : nil }
            }
            #expect(call.jobs.isEmpty)
            #expect(try await harness.counts()[.ready] == 3)
            // One credit is one job, however many there are.
            call.say { $0.credit.add = 1 }
            _ = try await call.jobs(1)
            call.say { $0.heartbeat.number = 9 }
            _ = try await call.first { $0.hasHeartbeat && $0.heartbeat.number == 9 ? true : nil }
            #expect(call.jobs.count == 1)
            let counts = try await harness.counts()
            #expect(counts[.ready] == 2 && counts[.active] == 1)
        }
    }

    @Test(
        "a broken stream gives back what was not confirmed, without an attempt or a reclaim; the rest is resumed",
        arguments: EngineKind.allCases)
    func brokenStream(_ kind: EngineKind) async throws {
        try await Harness.with(kind) { harness in
            try await harness.enqueue(2)
            let call = try await WorkCall.open(harness.worker, credits: 2)
            let jobs = try await call.jobs(2)
            call.say { $0.received.number = 1 }
            call.say { $0.heartbeat.number = 1 }
            _ = try await call.first { $0.hasHeartbeat ? true : nil }
            call.cancel()
            try await eventually("the second job is ready again") { try await harness.job(jobs[1].id).state == .ready }
            let released = try await harness.job(jobs[1].id)
            #expect(released.reclaims == 0 && released.attempt == 0)
            #expect(try await harness.job(jobs[0].id).state == .active)
            let next = try await WorkCall.open(harness.worker, credits: 1, resume: [jobs[0].claim, Data([1, 2, 3])])
            let welcome = try await next.first { $0.hasWelcome ? $0.welcome : nil }
            #expect(welcome.lost == [Data([1, 2, 3])])
            let again = try await next.jobs(1)
            #expect(again[0].id == jobs[1].id && again[0].attempt == 1 && again[0].token > jobs[1].token)
            next.complete([jobs[0], again[0]])
            try await eventually("both are confirmed") { next.settlements.count == 2 }
            #expect(next.settlements.allSatisfy { $0.outcome == .settled })
            // What the dead stream's worker would still say of the job that was given back.
            next.complete([jobs[1]])
            try await eventually("the third answer") { next.settlements.count == 3 }
            #expect(next.settlements[2].outcome == .lost)
        }
    }

    @Test("a client that dies with its stream gives all back", arguments: [EngineKind.redis])
    func releaseOnDisconnect(_ kind: EngineKind) async throws {
        try await Harness.with(kind) { harness in
            try await harness.enqueue(2)
            let call = try await WorkCall.open(harness.worker, credits: 2, onDisconnect: .release)
            let jobs = try await call.jobs(2)
            call.say { $0.received.number = 2 }
            call.say { $0.heartbeat.number = 1 }
            _ = try await call.first { $0.hasHeartbeat ? true : nil }
            call.cancel()
            try await eventually("both are ready again") { try await harness.counts()[.ready] == 2 }
            #expect(try await harness.job(jobs[0].id).reclaims == 0)
        }
    }

    @Test("each verdict does to the job what it says", arguments: EngineKind.allCases)
    func verdicts(_ kind: EngineKind) async throws {
        try await Harness.with(kind) { harness in
            let names = [
                "retry", "last", "bury", "decode", "release", "cancelled", "snooze", "unhandled", "expired", "none",
            ]
            for name in names {
                _ = try await harness.queue.enqueue(
                    type: name, payload: [], .queue("q"), .id(JobID(name)), .maxRetries(name == "last" ? 0 : 5))
            }
            let call = try await WorkCall.open(harness.worker, credits: UInt32(names.count))
            let jobs = try await call.jobs(names.count)
            call.say { message in
                message.results.results = jobs.map { job in
                    .with { result in
                        result.claim = job.claim
                        result.failure = .with {
                            $0.type = "ValueError"
                            $0.message = "no good"
                        }
                        switch job.type {
                        case "retry", "last": result.retry = .with { $0.delay = .init(.seconds(60)) }
                        case "bury": result.bury = .init()
                        case "decode": result.bury = .with { $0.reason = .decodeError }
                        case "expired": result.bury = .with { $0.reason = .expired }
                        case "release": result.release = .init()
                        case "cancelled": result.cancelled = .with { $0.reason = "not wanted" }
                        case "snooze": result.snooze = .with { $0.delay = .init(.seconds(60)) }
                        case "unhandled": result.unhandled = .init()
                        default: break
                        }
                    }
                }
            }
            try await eventually("all answers") { call.settlements.count == names.count }
            let refused = call.settlements.filter { $0.outcome == .refused }
            #expect(refused.count == 1 && refused[0].problem.reason == "invalid_argument")
            func record(_ id: String) async throws -> JobRecord { try await harness.job(id) }
            let retry = try await record("retry")
            #expect(retry.state == .retrying && retry.attempt == 1 && retry.lastError == "no good")
            #expect(retry.attempts.last?.errorType == "ValueError")
            #expect(try await record("last").endReason == "attempts_exhausted")
            #expect(try await record("bury").endReason == "permanent")
            #expect(try await record("decode").endReason == "decode_error")
            #expect(try await record("expired").endReason == "expired")
            let release = try await record("release")
            #expect(release.state == .ready && release.attempt == 0)
            let cancelled = try await record("cancelled")
            #expect(cancelled.state == .cancelled && cancelled.endReason == "not wanted")
            let snooze = try await record("snooze")
            #expect(snooze.state == .retrying && snooze.attempt == 0 && snooze.snoozes == 1)
            let unhandled = try await record("unhandled")
            #expect(unhandled.state == .retrying && unhandled.attempt == 0)
            #expect(try await record("none").state == .active)
        }
    }

    @Test("cancels and timeouts reach the worker", arguments: EngineKind.allCases)
    func cancels(_ kind: EngineKind) async throws {
        try await Harness.with(kind) { harness in
            try await harness.enqueue()
            let call = try await WorkCall.open(harness.worker, credits: 1)
            let job = try await call.jobs(1)[0]
            let reply = try await harness.producer.cancelJob(
                .with {
                    $0.id = job.id
                    $0.queue = "q"
                    $0.reason = "stop it"
                })
            #expect(reply.outcome == .requested)
            call.say { $0.heartbeat.claims = [job.claim] }
            let cancel = try await call.first { $0.hasCancel ? $0.cancel : nil }
            #expect(cancel.cause == .requested && cancel.claim == job.claim)
            call.say { message in
                message.results.results = [
                    .with {
                        $0.claim = job.claim
                        $0.cancelled = .init()
                    }
                ]
            }
            try await eventually("it is cancelled") { try await harness.job(job.id).state == .cancelled }
            try await harness.enqueue(1, .timeout(.milliseconds(50)), .maxRetries(0))
            call.say { $0.credit.add = 1 }
            let late = try await call.jobs(2)[1]
            try await eventually("the timeout is told") {
                call.cancels.contains { $0.claim == late.claim && $0.cause == .timeout }
            }
            // Nobody heeds it: the gateway ends it.
            try await eventually("it is ended") { try await harness.job(late.id).state == .dead }
            #expect(try await harness.job(late.id).attempts.last?.errorType == "timeout")
        }
    }

    @Test(
        "a second result is answered as the first, a claim of nobody is lost, garbage is refused",
        arguments: EngineKind.allCases)
    func strangeResults(_ kind: EngineKind) async throws {
        try await Harness.with(kind) { harness in
            try await harness.enqueue(2)
            let call = try await WorkCall.open(harness.worker, credits: 2)
            let jobs = try await call.jobs(2)
            call.complete([jobs[0]])
            try await eventually("an answer") { call.settlements.count == 1 }
            call.complete([jobs[0]])
            try await eventually("a second answer") { call.settlements.count == 2 }
            #expect(call.settlements.map(\.outcome) == [.settled, .settled])
            let claim = try #require(ClaimBytes.decode(jobs[1].claim))
            let forged = ClaimReference(
                id: claim.id, queue: claim.queue,
                token: FencingToken(value: claim.token.value, nonce: claim.token.nonce ^ 1),
                worker: claim.worker)
            var foreign = jobs[1]
            foreign.claim = Data(ClaimBytes.encode(forged))
            var garbage = jobs[1]
            garbage.claim = Data([9, 9])
            call.complete([foreign, garbage])
            try await eventually("two more") { call.settlements.count == 4 }
            #expect(Set(call.settlements[2...].map(\.outcome)) == [.lost, .refused])
            #expect(try await harness.job(jobs[1].id).state == .active)
            call.say { $0.heartbeat.claims = [foreign.claim, jobs[1].claim] }
            let cancel = try await call.first { $0.hasCancel ? $0.cancel : nil }
            #expect(cancel.cause == .leaseLost && cancel.claim == foreign.claim)
        }
    }

    @Test("of two streams with one name the newer wins", arguments: [EngineKind.redis])
    func superseded(_ kind: EngineKind) async throws {
        try await Harness.with(kind) { harness in
            let older = try await WorkCall.open(harness.worker, credits: 5)
            let newer = try await WorkCall.open(harness.worker, credits: 5)
            #expect(try await older.end() == "superseded")
            try await harness.enqueue()
            newer.complete(try await newer.jobs(1))
            try await eventually("it is confirmed") { newer.settlements.count == 1 }
        }
    }

    @Test("two streams share a queue: none idles while the other has no credit", arguments: EngineKind.allCases)
    func twoStreams(_ kind: EngineKind) async throws {
        try await Harness.with(kind) { harness in
            let first = try await WorkCall.open(harness.worker, worker: "w1", credits: 1)
            let second = try await WorkCall.open(harness.worker, worker: "w2", credits: 1)
            try await harness.enqueue(2)
            try await eventually("one job each") { first.jobs.count == 1 && second.jobs.count == 1 }
            try await harness.enqueue(1)
            second.complete(second.jobs)
            second.say { $0.credit.add = 1 }
            _ = try await second.jobs(2)
            #expect(first.jobs.count == 1)
        }
    }

    @Test("a stop tells the streams, hands out no more, and waits for what runs", arguments: EngineKind.allCases)
    func drain(_ kind: EngineKind) async throws {
        try await Harness.with(kind) { harness in
            try await harness.enqueue(1)
            let call = try await WorkCall.open(harness.worker, credits: 2)
            let jobs = try await call.jobs(1)
            let idle = try await WorkCall.open(harness.worker, worker: "w2")
            await harness.group.triggerGracefulShutdown()
            #expect(try await call.first { $0.hasDrain ? $0.drain : nil }.within.seconds == 20)
            #expect(try await idle.end() == "")
            let refused = WorkCall(harness.worker)
            #expect(try await refused.end() == "unavailable")
            try await harness.enqueue(1)
            call.complete(jobs)
            #expect(try await call.end() == "")
            #expect(call.settlements.map(\.outcome) == [.settled])
            #expect(call.jobs.count == 1)
        }
    }

    @Test("what streams do is on the metrics' page", arguments: [EngineKind.redis])
    func metrics(_ kind: EngineKind) async throws {
        try await Harness.with(kind) { harness in
            try await harness.enqueue(3)
            let call = try await WorkCall.open(harness.worker, credits: 7)
            call.complete(try await call.jobs(3))
            try await eventually("the confirmations") { call.settlements.count == 3 }
            func page() async -> String {
                String(decoding: await harness.queue.telemetry.registry.page().bytes, as: UTF8.self)
            }
            try await eventually("the credits") { await page().contains("spanq_gateway_credits 4") }
            let text = await page()
            #expect(text.contains("spanq_gateway_streams 1"))
            #expect(text.contains("spanq_gateway_jobs_handed_total{queue=\"q\"} 3"))
            #expect(text.contains("spanq_gateway_results_total{queue=\"q\",outcome=\"completed\"} 3"))
            #expect(text.contains("spanq_gateway_unconfirmed_results 0"))
            #expect(text.contains("spanq_job_attempts_total{queue=\"q\",job_type=\"t\",outcome=\"completed\"} 3"))
        }
    }

    // MARK: Unary

    @Test("claims, heartbeats and results go without a stream too", arguments: EngineKind.allCases)
    func unaryTwins(_ kind: EngineKind) async throws {
        try await Harness.with(kind) { harness in
            let request = Wire.ClaimRequest.with {
                $0.worker = "curl"
                $0.lanes = [.with { $0.queue = "q" }]
                $0.limit = 5
            }
            #expect(try await harness.worker.claim(request).jobs.isEmpty)
            var patient = request
            patient.wait = .init(.seconds(20))
            async let waiting = harness.worker.claim(patient)
            try await harness.enqueue(1)
            let jobs = try await waiting.jobs
            #expect(jobs.count == 1 && jobs[0].number == 0)
            let beat = try await harness.worker.heartbeat(.with { $0.claims = jobs.map(\.claim) + [Data([1])] })
            #expect(beat.cancels.map(\.cause) == [.leaseLost] && beat.hasLeaseUntil)
            let settled = try await harness.worker.settle(
                .with { results in
                    results.results = jobs.map { job in
                        .with {
                            $0.claim = job.claim
                            $0.complete = .init()
                        }
                    }
                })
            #expect(settled.settlements.map(\.outcome) == [.settled])
            #expect(try await harness.counts()[.completed] == 1)
            for bad in [{ (request: inout Wire.ClaimRequest) in request.limit = 0 }, { $0.wait = .init(.seconds(21)) }]
            {
                var wrong = request
                bad(&wrong)
                let error = await #expect(throws: RPCError.self) { try await harness.worker.claim(wrong) }
                #expect(error?.code == .invalidArgument)
            }
        }
    }

    @Test("enqueues say what became of each job, with a reason", arguments: EngineKind.allCases)
    func enqueues(_ kind: EngineKind) async throws {
        try await Harness.with(kind) { harness in
            var job = Wire.EnqueueRequest.with {
                $0.queue = "q"
                $0.type = "t"
                $0.id = "mine"
                $0.payload = Data("1".utf8)
                $0.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
                $0.unique = .with {
                    $0.key = "k"
                    $0.untilFinished = true
                }
            }
            let reply = try await harness.producer.enqueue(job)
            #expect(reply.id == "mine" && reply.state == .ready && reply.hasEnqueuedAt)
            #expect(reply.traceID == "0af7651916cd43dd8448eb211c80319c")
            #expect(try await harness.producer.enqueue(job).id == "mine")
            job.id = ""
            let duplicate = try await harness.producer.enqueue(job)
            #expect(duplicate.isDuplicate && duplicate.id == "mine")
            job.id = "mine"
            job.payload = Data("2".utf8)
            job.clearUnique()
            let taken = await #expect(throws: RPCError.self) { try await harness.producer.enqueue(job) }
            let status = try taken?.unpackGoogleRPCStatus()
            #expect(taken?.code == .alreadyExists)
            let info = status?.details.compactMap(\.errorInfo).first
            #expect(info?.reason == "conflict" && info?.domain == "spanqueue")
            #expect(info?.metadata == ["queue": "q", "id": "mine", "may_have_run": "false"])
            let batch = try await harness.producer.enqueueBatch(
                .with {
                    $0.jobs = [
                        job, .with { $0.type = "" },
                        .with {
                            $0.queue = "q"
                            $0.type = "t"
                            $0.delay = .init(.seconds(60))
                        },
                    ]
                })
            #expect(batch.outcomes.map(\.problem.reason) == ["conflict", "invalid_argument", ""])
            #expect(batch.outcomes[2].reply.state == .scheduled && batch.outcomes[2].reply.hasRunAt)
            let none = await #expect(throws: RPCError.self) {
                try await harness.producer.getJob(.with { $0.id = "nobody" })
            }
            #expect(none?.code == .notFound)
            let call = try await WorkCall.open(harness.worker, credits: 1)
            let handed = try await call.jobs(1)[0]
            #expect(handed.traceparent.hasPrefix("00-0af7651916cd43dd8448eb211c80319c-"))
            #expect(!handed.traceparent.contains("b7ad6b7169203331"))
        }
    }

    // MARK: Processes

    @Test(
        "a gateway that is killed loses nothing: its stream goes on at another, and nothing is reclaimed",
        arguments: EngineKind.allCases)
    func killed(_ kind: EngineKind) async throws {
        try await kind.with { source, url in
            let queue = try JobQueue(engine: source, telemetry: JobTelemetry())
            let count = 40
            for result in try await queue.enqueue(
                (0..<count).map { EnqueueRequest(type: "t", payload: Array("\($0)".utf8), options: [.queue("q")]) })
            { _ = try result.get() }
            let first = try await GatewayProcess.start(url)
            let second = try await GatewayProcess.start(url)
            defer { second.held.end() }
            var jobs: [Wire.Job] = []
            try await withGRPCClient(transport: .plain(first.port)) { client in
                let call = try await WorkCall.open(.init(wrapping: client), credits: UInt32(count / 2))
                jobs = try await call.jobs(count / 2)
                call.say { $0.received.number = UInt64(count / 2) }
                call.complete(Array(jobs[..<5]))
                try await eventually("five confirmations") { call.settlements.count == 5 }
                first.held.end()
                _ = try await call.end()
            }
            let began = ContinuousClock.now
            try await withGRPCClient(transport: .plain(second.port)) { client in
                // A result whose confirmation is not known is sent again.
                let held = Array(jobs[4...])
                let call = try await WorkCall.open(
                    .init(wrapping: client), credits: UInt32(count), resume: held.dropFirst().map(\.claim))
                let welcome = try await call.first { $0.hasWelcome ? $0.welcome : nil }
                #expect(welcome.lost.isEmpty)
                call.complete(held)
                let rest = try await call.jobs(count / 2)
                call.complete(rest)
                try await eventually("all confirmations") { call.settlements.count == held.count + rest.count }
                #expect(call.settlements.allSatisfy { $0.outcome == .settled })
                call.say { $0.goodbye = .init() }
                #expect(try await call.end() == "")
            }
            // Far below the lease of 30 s: nothing had to lapse.
            #expect(ContinuousClock.now - began < .seconds(25))
            let counts = try #require(try await queue.counts(of: ["q"]).first)
            #expect(counts[.completed] == count && counts[.active] == 0 && counts[.ready] == 0)
            for try await job in queue.jobs(.completed, in: "q") { #expect(job.reclaims == 0 && job.attempt == 1) }
            await queue.shutdown()
        }
    }
}

@Suite("spanq gateway")
struct GatewayCommandTests {
    private static let products = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        .deletingLastPathComponent()

    private func run(_ program: URL, _ arguments: [String]) throws -> (code: Int32, output: String, errors: String) {
        let process = Process()
        process.executableURL = program
        process.arguments = arguments
        process.environment = ["PATH": "/nonexistent"]
        let (output, errors) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = errors
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let texts = [output, errors].map {
            String(decoding: $0.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        }
        process.waitUntilExit()
        return (process.terminationStatus, texts[0], texts[1])
    }

    @Test("becomes spanq-gateway, which stands beside spanq, with all that follows")
    func becomes() throws {
        let spanq = Self.products.appendingPathComponent("spanq")
        let version = try run(spanq, ["gateway", "--version"])
        #expect(version.code == 0 && version.output == "\(SpanQueueVersion.text)\n")
        let help = try run(spanq, ["gateway", "--help"])
        #expect(help.output.contains("--drain-timeout"))
        let wrong = try run(spanq, ["gateway", "--listen", "nowhere"])
        #expect(wrong.code == 2 && wrong.errors.hasPrefix("spanq-gateway: "))
        let away = try run(spanq, ["gateway", "--url", "unix:///nonexistent/redis.sock", "--listen", "127.0.0.1:0"])
        #expect(away.code == 4 && away.errors.contains("\nspanq-gateway: cannot reach Redis"), "\(away)")
    }

    @Test("says what to do where it is not there")
    func missing() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("spanq-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let alone = folder.appendingPathComponent("spanq")
        try FileManager.default.copyItem(at: Self.products.appendingPathComponent("spanq"), to: alone)
        let result = try run(alone, ["gateway", "--help"])
        #expect(result.code == 1)
        #expect(result.errors.hasPrefix("spanq: spanq-gateway is neither beside spanq nor in PATH"), "\(result.errors)")
    }
}
