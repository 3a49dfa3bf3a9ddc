// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// The requests of one pipeline, gathered for one caller.
///
/// `@unchecked Sendable`: as a ``Request``, the caller's until it is submitted and the loop's from then on.
final class PipelineBatch: @unchecked Sendable {
    let requests: [Request]
    var continuation: UnsafeContinuation<[Result<RESPReply, RedisError>], any Error>?
    private var results: [Result<RESPReply, RedisError>?]
    private var missing: Int

    init(_ requests: [Request]) {
        self.requests = requests
        results = Array(repeating: nil, count: requests.count)
        missing = requests.count
        for (index, request) in requests.enumerated() { request.completion = .part(self, index: index) }
    }

    /// One request is done. The caller resumes with the last of them; or at once if cancelled, since cancellation is of
    /// the whole pipeline.
    func set(_ index: Int, _ result: Result<RESPReply, any Error>) {
        switch result {
        case .success(let reply): results[index] = .success(reply)
        case .failure(let error as RedisError): results[index] = .failure(error)
        case .failure(let error): return resume(with: .failure(error))
        }
        missing -= 1
        if missing == 0 { resume(with: .success(results.compactMap { $0 })) }
    }

    private func resume(with result: Result<[Result<RESPReply, RedisError>], any Error>) {
        continuation?.resume(with: result)
        continuation = nil
    }
}
