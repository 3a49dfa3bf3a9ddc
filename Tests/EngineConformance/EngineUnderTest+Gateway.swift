// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

#if SPANQ_BUILD_GATEWAY
    import GatewayEngine
#endif

extension EngineUnderTest {
    /// The same engine behind a gateway.
    var served: EngineUnderTest {
        #if SPANQ_BUILD_GATEWAY
            return EngineUnderTest(
                name: "\(name) behind a gateway", passesHours: passesHours, trimsAtOnce: trimsAtOnce, isServed: true,
                auditor: { engine in (engine as? GatewayEngine).flatMap { auditor($0.behind) } }
            ) {
                let (engine, pass) = try await make()
                return (GatewayEngine(engine), pass)
            }
        #else
            preconditionFailure(
                "SPANQ_TEST_GATEWAY=1: there is no gateway in this build, which SPANQ_BUILD_GATEWAY=1 adds")
        #endif
    }
}
