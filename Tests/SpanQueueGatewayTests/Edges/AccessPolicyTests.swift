// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import GRPCCore
import SpanQueue
import SpanQueueAdmin
import SpanQueueServer
import Synchronization
import Testing

@testable import SpanQueueGateway

@Suite("Who may call")
struct AccessPolicyTests {
    private let token = AccessToken()
    private let other = AccessToken()

    private func list() throws -> UserList {
        try UserList(
            """
            pia producer mail,media-* \(token.digest)
            wim worker * -
            @crew admin * -
            """)
    }

    @Test("a token goes before a certificate, and what is wrong is never passed over")
    func proofs() throws {
        let list = try list()
        let access = GatewayAccess { list }
        func name(_ authorization: [String], _ certificate: [String]?) -> String {
            do throws(GatewayError) {
                return try access.caller(CallerEvidence(authorization: authorization, certificate: certificate)).name
            } catch {
                return error.reason
            }
        }
        let good = "Bearer \(token.text)"
        let matrix: [(authorization: [String], certificate: [String]?, name: String)] = [
            ([], nil, "unauthenticated"), ([good], nil, "pia"), (["bearer  \(token.text)"], nil, "pia"),
            ([], ["wim"], "wim"), ([good], ["wim"], "pia"), ([good], ["stranger"], "pia"), ([good], [], "pia"),
            (["Bearer \(other.text)"], nil, "unauthenticated"), (["Bearer \(other.text)"], ["wim"], "unauthenticated"),
            (["Bearer x"], ["wim"], "unauthenticated"), (["Bearer "], ["wim"], "unauthenticated"),
            ([""], ["wim"], "unauthenticated"), (["Basic \(token.text)"], ["wim"], "unauthenticated"),
            ([token.text], nil, "unauthenticated"), ([good, good], nil, "unauthenticated"),
            ([], ["stranger"], "unauthenticated"), ([], [], "unauthenticated"),
            ([], ["wim", "wim"], "unauthenticated"),
            ([], ["@crew"], "unauthenticated"), ([], ["w m"], "unauthenticated"), ([], [""], "unauthenticated"),
            // Who has a token may come without a certificate, and who has none may not come by the name of one who has.
            ([], ["pia"], "pia"), ([], ["WIM"], "unauthenticated"),
        ]
        for one in matrix { #expect(name(one.authorization, one.certificate) == one.name, "\(one)") }
    }

    @Test("what is said of a token that is refused does not have it")
    func messages() throws {
        let list = try list()
        for field in ["Bearer \(other.text)", "Bearer secret", "secret"] {
            let error = #expect(throws: GatewayError.self) {
                try GatewayAccess { list }.caller(CallerEvidence(authorization: [field]))
            }
            #expect(error?.code == .unauthenticated)
            #expect(error?.message.contains("secret") == false && error?.message.contains(other.text) == false)
        }
    }

    @Test(
        "each role may do what its scopes say, in its queues, and all of them where none is named only by an asterisk")
    func scopes() throws {
        for role in Role.allCases {
            for (patterns, queue, isTheirs) in [
                ("*", nil, true), ("*", "mail", true), ("mail,media-*", "mail", true),
                ("mail,media-*", "media-x", true),
                ("mail,media-*", "mailx", false), ("mail,media-*", nil, false), ("mail", "Mail", false),
            ] as [(String, String?, Bool)] {
                let list = try UserList("u \(role.rawValue) \(patterns) \(token.digest)")
                let caller = try GatewayAccess { list }.caller(
                    CallerEvidence(authorization: ["Bearer \(token.text)"]))
                for scope in Scope.allCases {
                    let may = role.scopes.contains(scope) && isTheirs
                    #expect(caller.allows(scope, queue) == may, "\(role) \(scope) \(patterns) \(queue ?? "-")")
                    if may {
                        try caller.require(scope, queue)
                    } else {
                        let error = #expect(throws: GatewayError.self) { try caller.require(scope, queue) }
                        #expect(error?.code == .permissionDenied && error?.reason == "forbidden")
                    }
                }
            }
        }
    }

    @Test("who is taken out of the list, or may do less by now, is told so in the midst of a stream")
    func revoked() throws {
        let lines = Mutex("wim worker * \(token.digest)")
        let access = GatewayAccess { lines.withLock { (try? UserList($0)) ?? UserList() } }
        let caller = try access.caller(CallerEvidence(authorization: ["Bearer \(token.text)"]))
        #expect(caller.allows(.work, "mail"))
        lines.withLock { $0 = "wim worker media \(token.digest)" }
        #expect(!caller.allows(.work, "mail") && caller.allows(.work, "media"))
        // The token is another's now.
        lines.withLock { $0 = "zoe worker * \(token.digest)" }
        #expect(!caller.allows(.work, "media"))
        lines.withLock { $0 = "wim worker * \(other.digest)" }
        #expect(!caller.allows(.work, "mail"))
        lines.withLock { $0 = "" }
        #expect(!caller.allows(.work, "mail"))
    }

    @Test("without users everybody may do everything, by the name that their certificate has")
    func anyone() throws {
        for (certificate, name) in [(nil, "anyone"), (["wim"], "wim"), (["a", "b"], "anyone")] as [([String]?, String)]
        {
            let caller = try GatewayAccess.anyone.caller(
                CallerEvidence(authorization: ["Bearer x"], certificate: certificate))
            #expect(caller.name == name && Scope.allCases.allSatisfy { caller.allows($0, nil) })
        }
    }

    @Test("another address than this machine's needs TLS and users, or that somebody says that it does not")
    func exposure() throws {
        for address in ["127.0.0.1:1", ":1", "[::1]:1", "localhost:1", "unix:/run/x.sock"] {
            try GatewayExposure().check(try ListenAddress(address))
        }
        for address in ["0.0.0.0:1", "10.0.0.1:1", "[::]:1", "gateway:1", "*:1"] {
            for bits in 0..<16 {
                var exposure = GatewayExposure()
                exposure.hasTLS = bits & 1 != 0
                exposure.hasUsers = bits & 2 != 0
                exposure.allowsPlaintext = bits & 4 != 0
                exposure.allowsAnyone = bits & 8 != 0
                let isFine = bits & 5 != 0 && bits & 10 != 0
                let address = try ListenAddress(address)
                if isFine {
                    try exposure.check(address)
                } else {
                    let error = #expect(throws: SpanQueueError.self, "\(bits)") { try exposure.check(address) }
                    #expect(error?.code == .invalidArgument)
                    #expect(error?.message.contains(bits & 5 == 0 ? "--tls-cert" : "--users") == true)
                }
            }
        }
    }

    @Test("the address of a peer is its host")
    func addresses() {
        #expect(AccessInterceptor.address("ipv4:10.0.0.1:1234") == "10.0.0.1")
        #expect(AccessInterceptor.address("ipv6:[::1]:1234") == "::1")
        #expect(AccessInterceptor.address("unix:/run/x.sock") == nil)
        #expect(AccessInterceptor.address("") == nil)
    }

    @Test("TLS is all of its parts or none")
    func parts() throws {
        #expect(try GatewayTLS(certificate: nil, key: nil, clientAuthorities: nil) == nil)
        #expect(try GatewayTLS(certificate: Optional("a"), key: Optional("b"), clientAuthorities: nil) != nil)
        for (certificate, key, authorities) in [("a", nil, nil), (nil, "b", nil), (nil, nil, "c"), ("a", nil, "c")]
            as [(String?, String?, String?)]
        {
            #expect(throws: SpanQueueError.self) {
                try GatewayTLS(certificate: certificate, key: key, clientAuthorities: authorities)
            }
        }
    }
}
