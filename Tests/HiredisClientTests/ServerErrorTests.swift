// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Testing

@testable import HiredisClient

@Suite("What errors of the server mean")
struct ServerErrorTests {
    @Test(
        "a refusal up front never ran, and is tried again where waiting may cure it",
        arguments: [
            ("NOREPLICAS Not enough good replicas to write.", RedisError.Code.noReplicas, true),
            ("MISCONF Redis is configured to save RDB snapshots", .cannotSave, false),
            ("CLUSTERDOWN The cluster is down", .clusterDown, true),
            ("TRYAGAIN Multiple keys request during rehashing of slot", .tryAgain, true),
            ("BUSY Redis is busy running a script.", .busy, true),
            ("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", .masterDown, true),
            ("UNBLOCKED force unblock from blocking operation, instance state changed", .unblocked, false),
            ("MOVED 3999 127.0.0.1:6381", .unsupported, false),
            ("ASK 3999 127.0.0.1:6381", .unsupported, false),
            ("CROSSSLOT Keys in request don't hash to the same slot", .unsupported, false),
            ("ERR unknown command 'EVALSHA', with args beginning with: 'x'", .unsupported, false),
            ("ERR Protocol error: invalid bulk length", .unsupported, false),
            ("OOM command not allowed when used memory > 'maxmemory'.", .outOfMemory, false),
            ("LOADING Redis is loading the dataset in memory", .loading, true),
            ("READONLY You can't write against a read only replica.", .readOnly, true),
            ("LATE the call reached Redis after its time limit and did nothing", .late, false),
        ])
    func refusals(text: String, code: RedisError.Code, isTransient: Bool) {
        let error = RedisError(serverText: Array(text.utf8))
        #expect(error.code == code)
        #expect(!error.mayHaveRun)
        #expect(error.isTransient == isTransient)
    }

    @Test("any other error may come from the middle of a script")
    func others() {
        let error = RedisError(
            serverText: Array("ERR user_script:3: Script attempted to access nonexistent global".utf8))
        #expect(error.mayHaveRun && error.code == .other("ERR"))
    }
}
