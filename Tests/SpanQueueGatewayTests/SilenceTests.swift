// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Testing

@testable import SpanQueueGateway

@Suite("Silent connections")
struct SilenceTests {
    @Test("a connection on which nothing comes is closed")
    func closed() async throws {
        try await Harness.with(.redis, silence: .milliseconds(200)) { harness in
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(descriptor) }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = in_port_t(UInt16(harness.port)).bigEndian
            address.sin_addr.s_addr = inet_addr("127.0.0.1")
            let status = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            #expect(status == 0)
            try await eventually("the end of the connection", within: .seconds(10)) {
                var bytes = [UInt8](repeating: 0, count: 4096)
                return recv(descriptor, &bytes, 4096, Int32(MSG_DONTWAIT)) == 0
            }
        }
    }
}
