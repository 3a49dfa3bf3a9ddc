// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import GRPCCore
import GRPCProtobuf
import Logging
import SpanQueue
import SpanQueueLoop
import SpanQueueProto

/// `spanqueue.v1.Worker`: carries messages between gRPC and the core.
struct WorkerService: Wire.Worker.ServiceProtocol {
    let core: GatewayCore

    /// How long what was decided last has to be written, to a client that may not read.
    private static let lastWords = Duration.seconds(2)

    private enum Part { case reader, writer, end, watch }

    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        typealias Method = Wire.Worker.Method
        router.serve(Method.Work.descriptor, Method.Work.Input.self) { try await work(request: $0, context: $1) }
        router.serve(Method.Claim.descriptor, Method.Claim.Input.self) { try await claim(request: $0, context: $1) }
        router.serve(Method.Heartbeat.descriptor, Method.Heartbeat.Input.self) {
            try await heartbeat(request: $0, context: $1)
        }
        router.serve(Method.Settle.descriptor, Method.Settle.Input.self) { try await settle(request: $0, context: $1) }
    }

    func work(
        request: StreamingServerRequest<Wire.FromWorker>, context: ServerContext
    ) async throws -> StreamingServerResponse<Wire.ToWorker> {
        let caller = GatewayCaller.current
        return StreamingServerResponse { writer in
            let number: Int
            do { number = try await core.open(caller) } catch { throw GatewayError(error).status }
            await Self.carry(request, writer, context, core, number)
            switch await core.close(number) {
            case .ok: return [:]
            case .error(let error): throw error.status
            }
        }
    }

    private static func carry(
        _ request: StreamingServerRequest<Wire.FromWorker>, _ writer: RPCWriter<Wire.ToWorker>,
        _ context: ServerContext, _ core: GatewayCore, _ number: Int
    ) async {
        await withTaskGroup(of: Part.self) { group in
            group.addTask {
                do {
                    for try await message in request.messages { await core.received(message, on: number) }
                    if !Task.isCancelled { await core.closed(number) }
                } catch let error as GatewayError {
                    if !Task.isCancelled { await core.unreadable(error, on: number) }
                } catch {
                    if !Task.isCancelled { await core.disconnected(number) }
                }
                return .reader
            }
            group.addTask {
                do {
                    while let messages = await core.output(of: number) { try await writer.write(contentsOf: messages) }
                } catch {
                    await core.disconnected(number)
                }
                return .writer
            }
            group.addTask {
                await core.ended(number)
                try? await core.thread.sleep(for: Self.lastWords)
                return .end
            }
            group.addTask {
                // The client is gone, or has called it off.
                if (try? await context.cancellation.cancelled) != nil { await core.disconnected(number) }
                return .watch
            }
            for await part in group where part == .writer || part == .end {
                group.cancelAll()
                break
            }
        }
    }

    func claim(
        request: ServerRequest<Wire.ClaimRequest>, context: ServerContext
    ) async throws -> ServerResponse<Wire.Jobs> {
        let caller = GatewayCaller.current
        let deadline = CallDeadline.of(request.metadata)
        return ServerResponse(
            message: try await Unary.run(context, until: deadline) {
                try await core.claim(request.message, caller, until: deadline)
            })
    }

    func heartbeat(
        request: ServerRequest<Wire.HeartbeatRequest>, context: ServerContext
    ) async throws -> ServerResponse<Wire.HeartbeatReply> {
        let caller = GatewayCaller.current
        return ServerResponse(
            message: try await Unary.run(context) { try await core.heartbeat(request.message, caller) })
    }

    func settle(
        request: ServerRequest<Wire.Results>, context: ServerContext
    ) async throws -> ServerResponse<Wire.Settled> {
        let caller = GatewayCaller.current
        return ServerResponse(
            message: try await Unary.run(context) { try await core.settle(request.message, caller) })
    }
}

/// Calls with one answer.
enum Unary {
    /// Runs one until its caller gives up: gRPC tells of that by a handle, and lets the task go on. Errors become a status.
    static func run<Answer: Sendable>(
        _ context: ServerContext, until deadline: ContinuousClock.Instant? = nil, queue: String? = nil,
        id: String? = nil, _ body: @escaping @Sendable () async throws -> Answer
    ) async throws -> Answer {
        do {
            return try await withThrowingTaskGroup(of: Answer?.self) { group in
                group.addTask { try await body() }
                group.addTask {
                    try await context.cancellation.cancelled
                    return nil
                }
                defer { group.cancelAll() }
                guard let answer = try await group.next() ?? nil else { throw CancellationError() }
                return answer
            }
        } catch {
            var failure = GatewayError(error, queue: queue, id: id)
            if failure.code == .cancelled, let deadline, deadline <= .now {
                failure = GatewayError(
                    SpanQueueError(.timeout, "the time that the caller gave it is over", mayHaveRun: true),
                    queue: queue, id: id)
            }
            throw failure.status
        }
    }
}
