// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation

extension RedisServer {
    /// The user of `deploy/redis/users.acl`, with a password for tests.
    package static let restrictedUser = "spanq"
    private static let password = "for-tests-only"

    /// The files of `deploy/redis`.
    private static let deploy = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../deploy/redis").standardizedFileURL

    /// For clients that come as that user.
    package var restrictedURL: String { "unix://\(Self.restrictedCredentials)@\(socketPath)" }
    /// As they stand before the `@` of a URL.
    package static let restrictedCredentials = "\(restrictedUser):\(password)"

    /// Starts a server as `deploy/redis` has it: one user, who may do what SpanQueue does and no more, on a server without the
    /// commands of `restricted.conf`.
    ///
    /// - Parameter edit: changes the rights, to see what happens where one is missing.
    package static func startRestricted(
        _ extraArguments: [String] = [], edit: (String) -> String = { $0 }
    ) async throws -> RedisServer {
        let rules = try String(contentsOf: deploy.appendingPathComponent("users.acl"), encoding: .utf8)
            .replacing("#SHA256-OF-THE-PASSWORD", with: ">" + password)
        let configuration = deploy.appendingPathComponent("restricted.conf").path
        return try await start(
            ["--aclfile", "users.acl", "--include", configuration] + extraArguments, files: ["users.acl": edit(rules)])
    }
}
